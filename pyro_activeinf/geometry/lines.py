"""Families of one parameter: exponential, Poisson, Bernoulli, binomial. All are flat."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch import distributions as torch_dist
from torch.distributions import kl_divergence

from .._checks import complain, positive_int
from .family import Closed, ExponentialFamily, Isometry, Unbounded
from .legendre import LogOdds
from .masses import surprise
from .spaces import Line


class Rates(ExponentialFamily):
    """Families whose one coordinate is a rate."""

    domain = "a rate > 0"

    @abstractmethod
    def distribution(self, point: Tensor) -> Any:
        """The distribution."""

    def coordinates(self, distribution: Any) -> Tensor:
        """The rate."""
        return distribution.rate.unsqueeze(-1)

    def valid(self, point: Tensor) -> Tensor:
        """Whether the rate is positive."""
        return positive(point)

    def free(self, point: Tensor) -> Tensor:
        """Its logarithm."""
        return point.log()

    def from_free(self, free: Tensor) -> Tensor:
        """The rate."""
        return free.exp()

    def locations(self, size: int) -> int:
        """None."""
        return 0


class Exponential(Rates):
    r"""Exponential distributions; usual coordinates: the rate. Distance :math:`|\log (r/r')|`."""

    name = "Exponential"
    kinds = (torch_dist.Exponential,)

    def __init__(self) -> None:
        self.units = torch.clone
        self.closed = Closed(
            isometry=Isometry(Line(), torch.log, torch.exp, lambda y: y.isfinite().all(-1))
        )

    def distribution(self, point: Tensor) -> Any:
        """The distribution."""
        return dist.Exponential(point.squeeze(-1))

    def natural(self, point: Tensor) -> Tensor:
        """Minus the rate."""
        return -point

    def from_natural(self, natural: Tensor) -> Tensor:
        """The rate."""
        return -natural

    def mean(self, point: Tensor) -> Tensor:
        """One over the rate."""
        return 1 / point

    def from_mean(self, mean: Tensor) -> Tensor:
        """The rate."""
        return 1 / mean

    def log_partition(self, natural: Tensor) -> Tensor:
        """Minus the logarithm of the rate."""
        return -(-natural).log().squeeze(-1)

    def kl(self, point: Tensor, other: Tensor) -> Tensor:
        """KL divergence."""
        return kl_divergence(self.distribution(point), self.distribution(other))


class Poisson(Rates):
    r"""Poisson distributions; usual coordinates: the rate.

    .. math:: d = 2 |\sqrt{r} - \sqrt{r'}|
    """

    name = "Poisson"
    kinds = (torch_dist.Poisson,)

    def __init__(self) -> None:
        self.closed = Closed(
            isometry=Isometry(
                Line(),
                lambda x: 2 * x.sqrt(),
                lambda y: (y / 2).square(),
                lambda y: (y > 0).all(-1),
                lambda x: ((x >= 0) & x.isfinite()).all(-1),
            )
        )

    def distribution(self, point: Tensor) -> Any:
        """The distribution."""
        return dist.Poisson(point.squeeze(-1))

    def natural(self, point: Tensor) -> Tensor:
        """Logarithm of the rate."""
        return point.log()

    def from_natural(self, natural: Tensor) -> Tensor:
        """The rate."""
        return natural.exp()

    def mean(self, point: Tensor) -> Tensor:
        """The rate."""
        return point

    def from_mean(self, mean: Tensor) -> Tensor:
        """The rate."""
        return mean

    def log_partition(self, natural: Tensor) -> Tensor:
        """The rate."""
        return natural.exp().squeeze(-1)

    def kl(self, point: Tensor, other: Tensor) -> Tensor:
        """KL divergence."""
        return (surprise(point, other) + other - point).squeeze(-1)


class Binomial(Unbounded):
    r"""Binomial distributions of n trials; usual coordinates: the probability.

    .. math:: d = 2 \sqrt{n}\, |\arcsin \sqrt{p} - \arcsin \sqrt{p'}|
    """

    name, domain = "Binomial", "a probability between 0 and 1, both excluded"

    def __init__(self, total_count: int, make: Callable[[Tensor], Any] | None = None) -> None:
        self.total_count = positive_int("total_count", total_count)
        self._make = make or partial(dist.Binomial, self.total_count)
        self._dual = LogOdds(self.total_count)
        alike = (torch_dist.Bernoulli,) if total_count == 1 else ()
        self.kinds = (torch_dist.Binomial, *alike)
        scale = 2 * math.sqrt(total_count)
        self.closed = Closed(
            isometry=Isometry(
                Line(),
                lambda p: scale * torch.atan2(p.sqrt(), (1 - p).sqrt()),
                lambda y: (y / scale).sin().square(),
                lambda y: ((y > 0) & (y < scale * math.pi / 2)).all(-1),
                lambda p: ((p >= 0) & (p <= 1)).all(-1),
            )
        )

    def coordinates(self, distribution: Any) -> Tensor:
        """The probability."""
        count = getattr(distribution, "total_count", 1)
        if not bool((torch.as_tensor(count) == self.total_count).all()):
            got = torch.as_tensor(count).tolist()
            raise ValueError(complain("point", f"{self.total_count} trials", got))
        return distribution.probs.unsqueeze(-1)

    def distribution(self, point: Tensor) -> Any:
        """The distribution."""
        return self._make(point.squeeze(-1))

    def valid(self, point: Tensor) -> Tensor:
        """Whether it is inside the unit interval."""
        return inside_unit(point)

    def natural(self, point: Tensor) -> Tensor:
        """Log odds."""
        return self._dual.natural(self.mean(point))

    def from_natural(self, natural: Tensor) -> Tensor:
        """The probability."""
        return self.from_mean(self._dual.mean(natural))

    def mean(self, point: Tensor) -> Tensor:
        """Expected number of successes."""
        return self.total_count * point

    def from_mean(self, mean: Tensor) -> Tensor:
        """The probability."""
        return mean / self.total_count

    def log_partition(self, natural: Tensor) -> Tensor:
        """n log(1 + e^theta)."""
        return self._dual.log_partition(natural)

    def kl(self, point: Tensor, other: Tensor) -> Tensor:
        """KL divergence."""
        heads, tails = surprise(point, other), surprise(1 - point, 1 - other)
        return self.total_count * (heads + tails).squeeze(-1)


def bernoulli() -> Binomial:
    """Bernoulli distributions: binomial ones of a single trial."""
    return Binomial(1, dist.Bernoulli)


def positive(point: Tensor) -> Tensor:
    """Whether all coordinates are positive and finite."""
    return ((point > 0) & point.isfinite()).all(-1)


def inside_unit(point: Tensor) -> Tensor:
    """Whether all coordinates are between 0 and 1."""
    return ((point > 0) & (point < 1)).all(-1)
