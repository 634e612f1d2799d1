"""What an outcome tells of which member of an ensemble is right: bounds in closed form."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor


class Disagreement(ABC):
    """An upper bound of I(k; o), K members being as likely and each predicting a Gaussian."""

    @abstractmethod
    def __call__(self, mean: Tensor, var: Tensor) -> Tensor:
        """The bound in nats, ``(*batch)``, of predictions ``(*batch, members, n)``."""


@dataclass(frozen=True)
class Moments(Disagreement):
    r"""By the largest entropy that a distribution with the mixture's variances can have.

    .. math:: \tfrac12 \sum_i \Big[\log \big( \mathrm{Var}_k \mu_{ki} + \tfrac1K \sum_k v_{ki} \big)
              - \tfrac1K \sum_k \log v_{ki} \Big]

    It grows with the distance between members beyond log K, as if they were draws of a Gaussian
    over functions: a strong pull to where one knows nothing.

    Example:
        >>> import torch
        >>> mean, var = torch.tensor([[-1.0], [1.0]]), torch.ones(2, 1)
        >>> round(Moments()(mean, var).item(), 4)  # log(2) / 2
        0.3466
    """

    def __call__(self, mean: Tensor, var: Tensor) -> Tensor:
        """The bound in nats, ``(*batch)``, of predictions ``(*batch, members, n)``."""
        both = mean.var(-2, unbiased=False) + var.mean(-2)
        return 0.5 * (both.log().sum(-1) - var.log().sum(-1).mean(-1))


@dataclass(frozen=True)
class Pairs(Disagreement):
    r"""By the divergences between members, two by two.

    .. math:: -\tfrac1K \sum_k \log \tfrac1K \sum_j e^{-KL[p_k \| p_j]} \le \log K

    It is 0 where members agree and log K where they are told apart for sure: a pull that is never
    stronger than what there is to learn about *these* members.

    Reference: Kolchinsky and Tracey (2017), "Estimating mixture entropy with pairwise
    distances", eq. 10.

    Example:
        >>> import torch
        >>> mean, var = torch.tensor([[-100.0], [100.0]]), torch.ones(2, 1)
        >>> round(Pairs()(mean, var).item(), 4)  # log(2)
        0.6931
    """

    def __call__(self, mean: Tensor, var: Tensor) -> Tensor:
        """The bound in nats, ``(*batch)``, of predictions ``(*batch, members, n)``."""
        off = (mean.unsqueeze(-2) - mean.unsqueeze(-3)).square()
        ratio = var.unsqueeze(-2) / var.unsqueeze(-3)
        apart = 0.5 * (ratio - 1 - ratio.log() + off / var.unsqueeze(-3)).sum(-1)
        return (math.log(mean.shape[-2]) - (-apart).logsumexp(-1)).mean(-1)
