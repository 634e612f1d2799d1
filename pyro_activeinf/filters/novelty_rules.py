"""What one draw would tell about the probabilities that it is drawn with, from their counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor


class TableNovelty(ABC):
    """Information that one draw gives about the probabilities it is drawn with."""

    @abstractmethod
    def __call__(self, counts: Tensor) -> Tensor:
        """Nats ``(*rows)`` from Dirichlet counts ``(*rows, size)``."""


@dataclass(frozen=True)
class MutualInformation(TableNovelty):
    r"""The exact information gain, expected under what is predicted.

    .. math::
        I(\theta; x) = E_x KL[p(\theta|x) \| p(\theta)]
        = \sum_i \frac{a_i}{a_0} \Big[\psi(a_i + 1) - \psi(a_0 + 1) - \log \frac{a_i}{a_0} \Big]

    Filters average it over the states in which a row is used, that is, over q(o, s) and not over
    q(o) q(s).

    Reference: Da Costa et al. (2020), "Active inference on discrete state-spaces: a synthesis",
    eq. D.15; Friston et al. (2017), "Active inference, curiosity and insight".

    Example:
        >>> round(MutualInformation()(torch.tensor([1.0, 1.0])).item(), 4)
        0.1931
    """

    def __call__(self, counts: Tensor) -> Tensor:
        """See the class."""
        a = counts.double()
        total = a.sum(-1, keepdim=True)
        possible = a > 0
        mean = torch.where(possible, a, 1.0) / total
        each = torch.digamma(a + 1) - torch.digamma(total + 1) - mean.log()
        return torch.where(possible, mean * each, 0.0).sum(-1).to(counts)


@dataclass(frozen=True)
class InverseCounts(TableNovelty):
    r"""The approximation of the literature, good where counts are large.

    .. math:: W_i = \frac12 \Big( \frac{1}{a_i} - \frac{1}{a_0} \Big), \qquad
        I(\theta; x) \approx \sum_i \frac{a_i}{a_0} W_i

    Reference: Friston et al. (2017), "Active inference, curiosity and insight"; Da Costa et al.
    (2020), "Active inference on discrete state-spaces: a synthesis", eq. 40.

    Example:
        >>> round(InverseCounts()(torch.tensor([1.0, 1.0])).item(), 4)
        0.25
    """

    def __call__(self, counts: Tensor) -> Tensor:
        """See the class."""
        total = counts.sum(-1)
        return 0.5 * ((counts > 0).sum(-1) - 1) / total


def after_draws(rule: TableNovelty, counts: Tensor, draws: int) -> Tensor:
    r"""Information of one more draw after some, in expectation: ``(*rows)``, in nats.

    .. math:: I(\theta; x_{n+1} | x_{1:n}) = E_x[I(\theta; x' | a + e_x)] \quad \text{and so on}

    Example:
        >>> a = torch.tensor([1.0, 1.0])
        >>> [round(after_draws(MutualInformation(), a, n).item(), 3) for n in (0, 1, 2)]
        [0.193, 0.137, 0.106]
    """
    if not draws:
        return rule(counts)
    mean = counts / counts.sum(-1, keepdim=True)
    more = counts.unsqueeze(-2) + torch.eye(counts.shape[-1]).to(counts)
    return (mean * after_draws(rule, more, draws - 1)).sum(-1)
