"""The simplex, and distributions over it: categorical, Dirichlet, beta."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch import distributions as torch_dist
from torch.distributions import kl_divergence

from .equation import ConcentrationEquation
from .family import Closed, ExponentialFamily, Isometry, Unbounded, solve_mean
from .legendre import Logits
from .lines import positive
from .spaces import Sphere


class Categorical(Unbounded):
    r"""Categorical distributions; usual coordinates: all probabilities but the last.

    All of them, which sum to one, are read as well. Part of a sphere, curvature 1/4:

    .. math:: d = 2 \arccos \sum_i \sqrt{p_i q_i}

    One minus the others knows the last to 1e-16 only. Where it is smaller than they, give a
    distribution or all probabilities: then it has all digits, however small it is.

    Args:
        known: all probabilities at a place, ``(*batch, k)``, whose last one is exact near there.
    """

    name, domain = "Categorical", "positive probabilities that sum to less than 1 without the last"
    kinds = (torch_dist.Categorical, torch_dist.OneHotCategorical)

    def __init__(self, known: Tensor | None = None) -> None:
        self._dual = Logits()
        self._known = None if known is None else known.detach()
        self.read, self.exactly = but_last, exactly
        self.closed = Closed(
            isometry=Isometry(
                Sphere(),
                lambda p: self.full(p).sqrt(),
                lambda y: y[..., :-1].square(),
                lambda y: (y > 0).all(-1),
                lambda p: (self.full(p) >= 0).all(-1) & (p.sum(-1) <= 1 + slack(p)),
            )
        )

    def full(self, point: Tensor) -> Tensor:
        """All probabilities, from all but the last."""
        if self._known is None:
            last = 1 - point.sum(-1, keepdim=True)
        else:
            last = self._known[..., -1:] + (self._known[..., :-1] - point).sum(-1, keepdim=True)
        return torch.cat([point.expand(*last.shape[:-1], -1), last.clamp(min=0.0)], -1)

    def coordinates(self, distribution: Any) -> Tensor:
        """Probabilities but the last."""
        return distribution.probs[..., :-1]

    def distribution(self, point: Tensor) -> Any:
        """The distribution."""
        return self._dual.distribution(self._dual.natural(self.full(point)))

    def valid(self, point: Tensor) -> Tensor:
        """Whether all probabilities are positive."""
        return positive(self.full(point))

    def natural(self, point: Tensor) -> Tensor:
        """Logarithms, relative to that of the last."""
        logits = self._dual.natural(self.full(point))
        return logits[..., :-1] - logits[..., -1:]

    def from_natural(self, natural: Tensor) -> Tensor:
        """Probabilities."""
        return self._dual.mean(_with_last(natural))[..., :-1]

    def mean(self, point: Tensor) -> Tensor:
        """Probabilities."""
        return point

    def from_mean(self, mean: Tensor) -> Tensor:
        """Probabilities."""
        return mean

    def log_partition(self, natural: Tensor) -> Tensor:
        """Logarithm of a sum of exponentials."""
        return self._dual.log_partition(_with_last(natural))

    def kl(self, point: Tensor, other: Tensor) -> Tensor:
        """KL divergence."""
        return kl_divergence(self.distribution(point), self.distribution(other))


def exactly(point: Any) -> Categorical | None:
    """The family near a distribution, or near all probabilities, whose last one it then knows."""
    if isinstance(point, Tensor):
        whole = point.dim() > 0 and point.shape[-1] > 1 and but_last(point) is not point
        return Categorical(point) if whole else None
    probs = getattr(point, "probs", None)
    return None if probs is None else Categorical(probs)


def _with_last(natural: Tensor) -> Tensor:
    """Logits of all, that of the last is 0."""
    return torch.cat([natural, torch.zeros_like(natural[..., :1])], -1)


def slack(point: Tensor) -> float:
    """How far from one a sum of probabilities may be by rounding."""
    return 4 * point.shape[-1] * torch.finfo(point.dtype).eps


def but_last(point: Tensor) -> Tensor:
    """Drop the last of probabilities that sum to one, which those inside do not."""
    whole = (point.detach().sum(-1) - 1).abs() <= slack(point)
    return point[..., :-1] if point.shape[-1] > 1 and bool(whole.all()) else point


class Concentrations(ExponentialFamily):
    r"""Distributions over the simplex; usual coordinates: the concentrations, which are natural.

    .. math:: g_{ij} = \delta_{ij} \psi'(a_i) - \psi'\bigl(\textstyle\sum_k a_k\bigr)
    """

    domain = "concentrations > 0"

    def __init__(self) -> None:
        self.closed = Closed(equation=ConcentrationEquation())

    @abstractmethod
    def distribution(self, point: Tensor) -> Any:
        """The distribution."""

    def valid(self, point: Tensor) -> Tensor:
        """Whether they are positive, and at least two."""
        return positive(point) & (point.shape[-1] > 1)

    def free(self, point: Tensor) -> Tensor:
        """Logarithms."""
        return point.log()

    def from_free(self, free: Tensor) -> Tensor:
        """Concentrations."""
        return free.exp()

    def locations(self, size: int) -> int:
        """None."""
        return 0

    def natural(self, point: Tensor) -> Tensor:
        """Concentrations, for log x with carrier 1/x."""
        return point

    def from_natural(self, natural: Tensor) -> Tensor:
        """Concentrations."""
        return natural

    def mean(self, point: Tensor) -> Tensor:
        """Expected log x."""
        return torch.digamma(point) - torch.digamma(point.sum(-1, keepdim=True))

    def from_mean(self, mean: Tensor) -> Tensor:
        """Concentrations, by Newton's method."""
        return solve_mean(self, mean, torch.ones_like(mean))

    def log_partition(self, natural: Tensor) -> Tensor:
        """Logarithm of the multivariate beta function."""
        return natural.lgamma().sum(-1) - natural.sum(-1).lgamma()

    def kl(self, point: Tensor, other: Tensor) -> Tensor:
        """KL divergence."""
        return kl_divergence(self.distribution(point), self.distribution(other))


class Dirichlet(Concentrations):
    """Dirichlet distributions."""

    name = "Dirichlet"
    kinds = (torch_dist.Dirichlet,)

    def coordinates(self, distribution: Any) -> Tensor:
        """Concentrations."""
        return distribution.concentration

    def distribution(self, point: Tensor) -> Any:
        """The distribution."""
        return dist.Dirichlet(point)


class Beta(Concentrations):
    """Beta distributions; usual coordinates: ``concentration1``, ``concentration0``."""

    name = "Beta"
    kinds = (torch_dist.Beta,)

    def coordinates(self, distribution: Any) -> Tensor:
        """Concentrations."""
        return torch.stack([distribution.concentration1, distribution.concentration0], -1)

    def distribution(self, point: Tensor) -> Any:
        """The distribution."""
        return dist.Beta(point[..., 0], point[..., 1])
