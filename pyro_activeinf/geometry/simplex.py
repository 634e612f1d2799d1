"""The simplex, and distributions over it: categorical, Dirichlet, beta."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch import distributions as torch_dist
from torch.distributions import kl_divergence

from .._checks import complain, whole_number
from .equation import ConcentrationEquation
from .family import Closed, ExponentialFamily, Isometry, Unbounded, solve_mean
from .legendre import Logits
from .lines import positive
from .masses import surprise
from .spaces import Sphere

LITTLE = 1e-4  # of a concentration, to which others add up: four terms have all digits


class Categorical(Unbounded):
    r"""Categorical distributions; usual coordinates: all probabilities but one, the last.

    All of them, which sum to one, are read as well. Part of a sphere, curvature 1/4:

    .. math:: d = 2 \arccos \sum_i \sqrt{p_i q_i}

    One minus the others knows the last to 1e-16 only. Where it is smaller than they, give a
    distribution or all probabilities: then it has all digits, however small it is. Velocities
    and what is returned have none of it: where it is tiny, leave out a large one instead
    (``StatisticalManifold(Categorical(left_out=0))``), and all others keep their digits.

    Args:
        known: all probabilities at a place, ``(*batch, k)``, all of which are exact near there.
        left_out: which one is not among the coordinates.

    Example:
        >>> from pyro_activeinf.geometry import StatisticalManifold
        >>> space = StatisticalManifold(Categorical(left_out=0))
        >>> start = dist.Categorical(torch.tensor([0.7, 0.3, 1e-30]))
        >>> end = dist.Categorical(torch.tensor([0.2, 0.3, 0.5]))
        >>> [round(x, 5) for x in space.exp_map(start, space.log_map(start, end)).tolist()]
        [0.3, 0.5]
    """

    name = "Categorical"
    domain = "positive probabilities, all but one, that sum to less than 1"
    kinds = (torch_dist.Categorical, torch_dist.OneHotCategorical)

    def __init__(self, known: Tensor | None = None, *, left_out: int = -1) -> None:
        self._dual, self.left_out = Logits(), whole_number("left_out", left_out)
        self._known = None if known is None else known.detach()
        self.read, self.exactly, self.masses = self._read, self._exactly, self.full
        self.closed = Closed(
            isometry=Isometry(
                Sphere(),
                lambda p: self.full(p).sqrt(),
                lambda y: self.kept(y).square(),
                lambda y: (y > -slack(y)).all(-1) & (y != 0).all(-1),
                lambda p: (self.full(p) >= 0).all(-1) & (p.sum(-1) <= 1 + slack(p)),
            )
        )

    def full(self, point: Tensor) -> Tensor:
        """All probabilities, from all but one."""
        if self._known is None:
            rest = 1 - point.sum(-1, keepdim=True)
        else:
            i = self._place(self._known.shape[-1])
            gaps = self.kept(self._known) - point
            rest = self._known[..., i : i + 1] + gaps.sum(-1, keepdim=True)
        return self._inserted(point.expand(*rest.shape[:-1], -1), rest.clamp(min=0.0))

    def kept(self, whole: Tensor) -> Tensor:
        """All entries but the one that is left out."""
        i = self._place(whole.shape[-1])
        return torch.cat([whole[..., :i], whole[..., i + 1 :]], -1)

    def _inserted(self, kept: Tensor, one: Tensor) -> Tensor:
        i = self._place(kept.shape[-1] + 1)
        return torch.cat([kept[..., :i], one, kept[..., i:]], -1)

    def _place(self, size: int) -> int:
        if not -size <= self.left_out < size:
            expected = f"a place from {-size} to {size - 1}"
            raise ValueError(complain("left_out", expected, self.left_out))
        return self.left_out % size

    def _read(self, point: Tensor) -> Tensor:
        return self.kept(point) if is_whole(point) else point

    def _exactly(self, point: Any) -> Categorical | None:
        """The family near a distribution, or near all probabilities, all of which it knows."""
        if isinstance(point, Tensor):
            return Categorical(point, left_out=self.left_out) if is_whole(point) else None
        probs = getattr(point, "probs", None)
        return None if probs is None else Categorical(probs, left_out=self.left_out)

    def coordinates(self, distribution: Any) -> Tensor:
        """Probabilities but one."""
        return self.kept(distribution.probs)

    def distribution(self, point: Tensor) -> Any:
        """The distribution."""
        return self._dual.distribution(self._dual.natural(self.full(point)))

    def valid(self, point: Tensor) -> Tensor:
        """Whether all probabilities are positive."""
        return positive(self.full(point))

    def natural(self, point: Tensor) -> Tensor:
        """Logarithms, relative to that of the one left out."""
        logits = self._dual.natural(self.full(point))
        i = self._place(logits.shape[-1])
        return self.kept(logits) - logits[..., i : i + 1]

    def from_natural(self, natural: Tensor) -> Tensor:
        """Probabilities."""
        return self.kept(self._dual.mean(self._logits(natural)))

    def mean(self, point: Tensor) -> Tensor:
        """Probabilities."""
        return point

    def from_mean(self, mean: Tensor) -> Tensor:
        """Probabilities."""
        return mean

    def log_partition(self, natural: Tensor) -> Tensor:
        """Logarithm of a sum of exponentials."""
        return self._dual.log_partition(self._logits(natural))

    def _logits(self, natural: Tensor) -> Tensor:
        """Of all; that of the one left out is 0."""
        return self._inserted(natural, torch.zeros_like(natural[..., :1]))

    def kl(self, point: Tensor, other: Tensor) -> Tensor:
        """KL divergence."""
        return surprise(self.full(point), self.full(other)).sum(-1)


def slack(point: Tensor) -> float:
    """How far from one a sum of probabilities may be by rounding."""
    return 4 * point.shape[-1] * torch.finfo(point.dtype).eps


def is_whole(point: Tensor) -> bool:
    """Whether these are all probabilities, which sum to one; those inside do not without one."""
    if point.dim() == 0 or point.shape[-1] < 2:
        return False
    return bool(((point.detach().sum(-1) - 1).abs() <= slack(point)).all())


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
        others = 1 - torch.eye(point.shape[-1], dtype=point.dtype, device=point.device)
        return -_rise(point, point @ others)

    def from_mean(self, mean: Tensor) -> Tensor:
        """Concentrations, by Newton's method."""
        return solve_mean(self, mean, torch.ones_like(mean))

    def log_partition(self, natural: Tensor) -> Tensor:
        """Logarithm of the multivariate beta function."""
        return natural.lgamma().sum(-1) - natural.sum(-1).lgamma()

    def kl(self, point: Tensor, other: Tensor) -> Tensor:
        """KL divergence."""
        return kl_divergence(self.distribution(point), self.distribution(other))


def _rise(x: Tensor, by: Tensor) -> Tensor:
    """digamma(x + by) - digamma(x), by a series where the difference has few digits."""
    little = by < LITTLE * x
    at, step = torch.where(little, x, 1.0), torch.where(little, by, 0.0)
    terms = [torch.polygamma(n, at) * step**n / math.factorial(n) for n in range(1, 5)]
    return torch.where(little, sum(terms), torch.digamma(x + by) - torch.digamma(x))


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
