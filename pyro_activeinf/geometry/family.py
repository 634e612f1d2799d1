"""What a family of distributions is: its coordinates, its domain, its geometry near a point."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .._checks import complain
from .autodiff import Map, jacobian, solve
from .local import Dual, Local
from .spaces import Space

STEPS = 100  # of Newton's method
SMALL = 1e-13


@dataclass(frozen=True)
class Isometry:
    """How a family lies in a space whose geodesics are known."""

    space: Space
    into: Map  # usual coordinates to the space
    out: Map  # and back
    inside: Map  # whether a point of the space is of the family, (*batch)
    border: Map | None = None  # whether usual coordinates are, or at an end at a finite distance


@dataclass(frozen=True)
class Closed:
    """What is known in closed form of the alpha = 0 geometry, in usual coordinates."""

    exp: Callable[[Tensor, Tensor], Tensor] | None = None
    log: Callable[[Tensor, Tensor], Tensor] | None = None
    isometry: Isometry | None = None
    equation: Any = None  # of geodesics, in free coordinates


def _as_it_is(point: Tensor) -> Tensor:
    return point


def _no_better(point: Any) -> None:
    """Usual coordinates say all."""


class Family(ABC):
    """A family of distributions with coordinates ``(*batch, d)``.

    Usual coordinates are those of the distribution's arguments; free ones are without bounds.
    """

    name: str
    domain: str  # what usual coordinates have to be, in words
    read: Map = staticmethod(_as_it_is)  # usual coordinates from numbers that stand for a point
    exactly: Callable[[Any], Family | None] = staticmethod(_no_better)
    closed: Closed = Closed()
    masses: Map | None = None  # chances of all outcomes, where these are few
    units: Map | None = None  # by which coordinates may be divided, once locations are taken off
    kinds: tuple[type, ...] = ()  # classes of distributions that are read; all, if none is said

    @abstractmethod
    def coordinates(self, distribution: Any) -> Tensor:
        """Usual coordinates of a distribution."""

    @abstractmethod
    def distribution(self, point: Tensor) -> Any:
        """The distribution at usual coordinates, of batch shape ``(*batch)``."""

    @abstractmethod
    def valid(self, point: Tensor) -> Tensor:
        """Whether usual coordinates are in the domain: ``(*batch)``."""

    @abstractmethod
    def free(self, point: Tensor) -> Tensor:
        """Free coordinates from usual ones."""

    @abstractmethod
    def from_free(self, free: Tensor) -> Tensor:
        """Usual coordinates from free ones."""

    @abstractmethod
    def local(self, point: Tensor) -> Local:
        """Metric and connections near a point, as functions of usual coordinates."""

    @abstractmethod
    def kl(self, point: Tensor, other: Tensor) -> Tensor:
        """KL divergence in nats: ``(*batch)``."""

    def reads(self, distribution: Any) -> bool:
        """Whether a distribution is of a class that is read."""
        return not self.kinds or isinstance(distribution, self.kinds)

    def near(self, point: Any) -> Family:
        """The same family, which knows what usual coordinates of a point round off."""
        return self.exactly(point) or self

    def frame(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """What may be taken off coordinates near a point, and then divide them: (0, 1) for all."""
        fixed = point.detach()
        unit = torch.ones_like(fixed) if self.units is None else self.units(fixed)
        return self.shift(fixed), unit

    @abstractmethod
    def shift(self, point: Tensor) -> Tensor:
        """The location of a point, and zeros for all else: what may be taken off."""

    def checked(self, argument: str, point: Tensor) -> Tensor:
        """The coordinates, or an error where they are outside the domain."""
        if point.dim() == 0:
            raise ValueError(
                complain(argument, f"coordinates (*batch, d) of {self.name}", "a number")
            )
        if not bool(self.valid(point).all()):
            got = point.detach()[~self.valid(point)].tolist()
            raise ValueError(complain(argument, f"{self.name} with {self.domain}", got))
        return point


class ExponentialFamily(Family):
    r"""A family with natural coordinates, mean coordinates and a log partition function.

    .. math:: \log p(x) = \theta \cdot T(x) - \psi(\theta) + \log h(x), \qquad
              \eta = E[T(x)] = \nabla \psi(\theta)
    """

    @abstractmethod
    def natural(self, point: Tensor) -> Tensor:
        r"""Natural coordinates :math:`\theta` from usual ones."""

    @abstractmethod
    def from_natural(self, natural: Tensor) -> Tensor:
        """Usual coordinates from natural ones."""

    @abstractmethod
    def mean(self, point: Tensor) -> Tensor:
        r"""Mean coordinates :math:`\eta` from usual ones."""

    @abstractmethod
    def from_mean(self, mean: Tensor) -> Tensor:
        """Usual coordinates from mean ones; NaN or outside the domain where there are none."""

    @abstractmethod
    def log_partition(self, natural: Tensor) -> Tensor:
        r""":math:`\psi(\theta)`: ``(*batch)``."""

    @abstractmethod
    def locations(self, size: int) -> int:
        """How many of the first of so many coordinates say only where the distribution is."""

    def shift(self, point: Tensor) -> Tensor:
        """The location of a point, and zeros for all else: what may be taken off."""
        size = point.shape[-1]
        first = torch.arange(size, device=point.device) < self.locations(size)
        return torch.where(first, point.detach(), 0.0)

    def local(self, point: Tensor) -> Dual:
        """Metric and connections; statistics are counted from where the distribution is."""
        shift, unit = self.frame(point)
        return Dual(
            lambda x: self.natural((x - shift) / unit), lambda x: self.mean((x - shift) / unit)
        )


class Unbounded(ExponentialFamily):
    """A family whose natural coordinates have no bounds, and say nothing of a location."""

    def free(self, point: Tensor) -> Tensor:
        """Natural coordinates."""
        return self.natural(point)

    def from_free(self, free: Tensor) -> Tensor:
        """Usual coordinates."""
        return self.from_natural(free)

    def locations(self, size: int) -> int:
        """None."""
        return 0


def solve_mean(family: ExponentialFamily, mean: Tensor, start: Tensor) -> Tensor:
    r"""Usual coordinates with a given mean, by Newton's method in free coordinates.

    .. math:: \min_\theta\; \psi(\theta) - \theta \cdot \eta

    Differentiable once. NaN where there are none.
    """
    with torch.no_grad():
        z = family.free(start)
        for _ in range(STEPS):
            step = _newton(family, z, mean)
            z = z + _shortened(family, z, step, mean)
            if bool((step.abs().amax(-1) <= SMALL * (1 + z.abs().amax(-1))).all()):
                break
        gap = (family.mean(family.from_free(z)) - mean).abs()
        met = (gap <= 1e-8 * (1 + mean.abs())).all(-1, keepdim=True)
        z = torch.where(met, z, torch.nan)
    if not mean.requires_grad:
        return family.from_free(z)
    slope = jacobian(lambda y: family.mean(family.from_free(y)), z).detach()
    return family.from_free(z + solve(slope, mean - mean.detach()))


def _newton(family: ExponentialFamily, z: Tensor, mean: Tensor) -> Tensor:
    slope = jacobian(lambda y: family.mean(family.from_free(y)), z)
    broken = ~slope.flatten(-2).isfinite().all(-1)[..., None, None]
    slope = torch.where(broken, torch.eye(z.shape[-1]).to(slope), slope)
    gap = mean - family.mean(family.from_free(z))
    step = torch.linalg.solve_ex(slope, gap.unsqueeze(-1))[0].squeeze(-1)
    return step.nan_to_num(0.0, 0.0, 0.0)


def _shortened(family: ExponentialFamily, z: Tensor, step: Tensor, mean: Tensor) -> Tensor:
    """The step, at most 2 long and halved until the gap to the mean does not grow."""
    step = step * (2 / step.abs().amax(-1, keepdim=True).clamp(min=2.0))

    def height(y: Tensor) -> Tensor:
        theta = family.natural(family.from_free(y))
        return family.log_partition(theta) - (theta * mean).sum(-1)

    now = height(z)
    for _ in range(20):
        worse = ~(height(z + step) <= now + 1e-9 * (1 + now.abs()))
        if not bool(worse.any()):
            break
        step = torch.where(worse.unsqueeze(-1), step / 2, step)
    return step
