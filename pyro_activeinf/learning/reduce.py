"""Bayesian model reduction: simpler tables, where they explain what was seen as well."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor

from .._checks import complain
from ..models import CategoricalTable
from .dirichlet_evidence import log_evidence

STRONG = 3.0  # nats of evidence, odds of twenty to one


class Hypotheses(ABC):
    """Other priors that a table might have had."""

    @abstractmethod
    def __call__(self, prior: Tensor, seen: Tensor) -> Tensor:
        """Priors ``(hypotheses, *parents, size)`` from the present one and expected counts."""


@dataclass(frozen=True)
class Priors(Hypotheses):
    """Priors that are given.

    Args:
        given: each of the table's shape, ``(*parents, size)``, or broadcasting to it.

    Raises:
        ValueError: for none, for counts below 0 or not finite, or of another shape.
    """

    given: Sequence[Tensor]

    def __post_init__(self) -> None:
        if not len(self.given):
            raise ValueError(complain("given", "at least one prior", "none"))
        for other in self.given:
            if not bool(((other >= 0) & (other < math.inf)).all()):
                raise ValueError(complain("given", "finite counts >= 0", other.tolist()))

    def __call__(self, prior: Tensor, seen: Tensor) -> Tensor:
        """See the class."""
        for other in self.given:
            dims = zip(reversed(other.shape), reversed(prior.shape), strict=False)
            if other.dim() > prior.dim() or any(n not in (1, size) for n, size in dims):
                expected = f"priors of shape {tuple(prior.shape)}"
                raise ValueError(complain("given", expected, f"shape {tuple(other.shape)}"))
        return torch.stack([other.to(prior).expand_as(prior) for other in self.given])


@dataclass(frozen=True)
class Prune(Hypotheses):
    """In each row, the none, one, two, .. outcomes that were seen least do not happen.

    Where all outcomes of a row have the same prior count, the best of these is the best of all
    subsets.

    Args:
        remainder: the part of its prior count that a pruned outcome keeps. 0 makes it impossible,
            which nothing that is seen later can undo, and needs an expected count of exactly 0.

    Raises:
        ValueError: for a remainder out of [0, 1).
    """

    remainder: float = 0.01

    def __post_init__(self) -> None:
        if not 0 <= self.remainder < 1:
            raise ValueError(complain("remainder", "a number in [0, 1)", self.remainder))

    def __call__(self, prior: Tensor, seen: Tensor) -> Tensor:
        """See the class."""
        rank = torch.argsort(torch.argsort(seen, dim=-1, stable=True), dim=-1)
        kept = [rank >= pruned for pruned in range(prior.shape[-1])]
        return torch.stack([torch.where(k, prior, self.remainder * prior) for k in kept])


@dataclass(frozen=True)
class Reduction:
    """What a reduction has found for each row of a table."""

    gain: Tensor  # (*parents): log-evidence of the best hypothesis over that of the prior, nats
    chosen: Tensor  # (*parents): its number, -1 where the prior stays
    probs: Tensor  # (*parents): posterior probability of the prior against the best hypothesis


def reduction_gain(prior: Tensor, reduced: Tensor, counts: Tensor) -> Tensor:
    r"""Log-evidence of a reduced prior over that of the full one, ``(*rows)``, in nats.

    .. math::
        \Delta = \log B(a_0) - \log B(a) + \log B(a + a_0' - a_0) - \log B(a_0')

    Nothing has to be seen again: the counts a under the full prior are enough.

    Args:
        prior: :math:`a_0`, ``(*rows, size)``.
        reduced: :math:`a_0'`, ``(*rows, size)``.
        counts: a, ``(*rows, size)``; where a cap has brought them below the prior, as at it.

    Reference: Friston, Parr and Zeidman (2018), "Bayesian model reduction"; Friston et al. (2017),
    "Active inference, curiosity and insight", on structure learning.

    Example:
        >>> prior, counts = torch.ones(2), torch.tensor([9.0, 1.0])
        >>> round(reduction_gain(prior, torch.tensor([1.0, 0.0]), counts).exp().item(), 6)
        9.0
    """
    seen = (counts - prior).clamp(min=0)
    return log_evidence(reduced, seen) - log_evidence(prior, seen)


@torch.no_grad()
def reduce(
    table: CategoricalTable, hypotheses: Hypotheses | None = None, threshold: float = STRONG
) -> Reduction:
    r"""Give each row of a table a simpler prior, where the evidence for it is strong.

    The counts become those that the table would have, had it begun with that prior:

    .. math:: a \leftarrow a + a_0' - a_0, \qquad a_0 \leftarrow a_0'

    Args:
        table: changed in place.
        hypotheses: other priors; pruned ones by default.
        threshold: log-evidence, in nats, that a hypothesis has to be ahead by.

    Returns:
        The evidence and the choice for each row.

    Raises:
        TypeError: for a table or hypotheses that are none, or a threshold that is no number.

    Reference: as of :func:`reduction_gain`; Da Costa et al. (2020), "Active inference on discrete
    state-spaces: a synthesis", on structure learning.

    Example:
        >>> table = CategoricalTable(torch.ones(1, 4))
        >>> _ = table.counts.add_(torch.tensor([20.0, 0.0, 0.0, 0.0]))
        >>> round(reduce(table).gain.item(), 1)
        7.4
        >>> table.expected.round(decimals=3).tolist()
        [[0.999, 0.0, 0.0, 0.0]]
    """
    if not isinstance(table, CategoricalTable):
        raise TypeError(complain("table", "a models.CategoricalTable", type(table).__name__))
    if not isinstance(hypotheses, Hypotheses | None):
        raise TypeError(complain("hypotheses", "Prune() or Priors([..])", repr(hypotheses)))
    if not isinstance(threshold, Real) or math.isnan(threshold):
        raise TypeError(complain("threshold", "a number of nats", repr(threshold)))
    prior, counts = table.prior, table.counts
    seen = (counts - prior).clamp(min=0)
    others = (hypotheses or Prune())(prior, seen)
    gains = torch.stack([reduction_gain(prior, other, counts) for other in others])
    gain, best = gains.max(0)
    accepted = gain > threshold
    chosen = others.gather(0, best[None, ..., None].expand(1, *prior.shape)).squeeze(0)
    reduced = torch.where(accepted.unsqueeze(-1), chosen, prior)
    table.counts.copy_(torch.where(accepted.unsqueeze(-1), reduced + seen, counts))
    table.prior.copy_(reduced)
    return Reduction(gain, torch.where(accepted, best, -1), torch.sigmoid(-gain))
