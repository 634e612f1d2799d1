"""Independent members of one family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch import distributions as torch_dist

from .._checks import complain
from .family import Closed, ExponentialFamily, Isometry
from .spaces import Space


class Many(Space):
    """Several copies of a space, in the dim before the last."""

    def __init__(self, space: Space) -> None:
        self.space = space

    def exp(self, y: Tensor, v: Tensor) -> Tensor:
        """That of each."""
        return self.space.exp(y, v)

    def log(self, y: Tensor, z: Tensor) -> Tensor:
        """That of each."""
        return self.space.log(y, z)

    def distance(self, y: Tensor, z: Tensor) -> Tensor:
        """Root of the sum of squares."""
        return torch.linalg.vector_norm(self.space.distance(y, z), dim=-1)

    def transport(self, y: Tensor, z: Tensor, w: Tensor) -> Tensor:
        """That of each."""
        return self.space.transport(y, z, w)


class Product(ExponentialFamily):
    """Independent numbers, each from the same family: ``base.to_event(..)``.

    Usual coordinates: those of all, first the first coordinate of each, and so on: all locations,
    then all scales.

    Args:
        base: the family of each.
        event_shape: of the numbers.
    """

    kinds = (torch_dist.Independent,)

    def __init__(self, base: ExponentialFamily, event_shape: Sequence[int]) -> None:
        self.base, self.event_shape = base, torch.Size(event_shape)
        self.count = self.event_shape.numel()
        self.name, self.domain = f"independent {base.name}", f"for each {base.domain}"
        self.closed = Closed(isometry=self._isometry())
        units = base.units
        self.units = None if units is None else lambda x: self.together(units(self.apart(x)))

    def apart(self, x: Tensor) -> Tensor:
        """Coordinates of each: ``(*batch, count, d)``."""
        return x.unflatten(-1, (-1, self.count)).mT

    def together(self, y: Tensor) -> Tensor:
        """Coordinates of all: ``(*batch, d * count)``."""
        return y.mT.flatten(-2)

    def coordinates(self, distribution: Any) -> Tensor:
        """Usual coordinates of independent distributions."""
        inner = distribution.base_dist
        if not self.base.reads(inner):
            raise AttributeError(self.base.name)
        if distribution.event_shape != self.event_shape:
            expected, got = f"events {tuple(self.event_shape)}", tuple(distribution.event_shape)
            raise ValueError(complain("point", expected, got))
        each = self.base.coordinates(inner)
        batch = distribution.batch_shape
        each = each.expand(*batch, *distribution.event_shape, each.shape[-1])
        return self.together(each.reshape(*batch, self.count, each.shape[-1]))

    def distribution(self, point: Tensor) -> Any:
        """The distribution."""
        each = self.apart(point)
        shaped = each.reshape(*each.shape[:-2], *self.event_shape, each.shape[-1])
        return self.base.distribution(shaped).to_event(len(self.event_shape))

    def valid(self, point: Tensor) -> Tensor:
        """Whether each is in its domain."""
        if point.shape[-1] % self.count:
            return torch.zeros(point.shape[:-1], dtype=torch.bool)
        return self.base.valid(self.apart(point)).all(-1)

    def free(self, point: Tensor) -> Tensor:
        """Free coordinates of each."""
        return self.together(self.base.free(self.apart(point)))

    def from_free(self, free: Tensor) -> Tensor:
        """Usual coordinates of each."""
        return self.together(self.base.from_free(self.apart(free)))

    def locations(self, size: int) -> int:
        """Locations of all."""
        return self.count * self.base.locations(size // self.count)

    def natural(self, point: Tensor) -> Tensor:
        """Natural coordinates of each."""
        return self.together(self.base.natural(self.apart(point)))

    def from_natural(self, natural: Tensor) -> Tensor:
        """Usual coordinates of each."""
        return self.together(self.base.from_natural(self.apart(natural)))

    def mean(self, point: Tensor) -> Tensor:
        """Mean coordinates of each."""
        return self.together(self.base.mean(self.apart(point)))

    def from_mean(self, mean: Tensor) -> Tensor:
        """Usual coordinates of each."""
        return self.together(self.base.from_mean(self.apart(mean)))

    def log_partition(self, natural: Tensor) -> Tensor:
        """The sum."""
        return self.base.log_partition(self.apart(natural)).sum(-1)

    def kl(self, point: Tensor, other: Tensor) -> Tensor:
        """The sum."""
        return self.base.kl(self.apart(point), self.apart(other)).sum(-1)

    def _exp(self, x: Tensor, v: Tensor) -> Tensor:
        exp: Any = self.base.closed.exp
        return self.together(exp(self.apart(x), self.apart(v)))

    def _isometry(self) -> Isometry | None:
        one = self.base.closed.isometry
        if one is None:
            return None
        return Isometry(
            Many(one.space),
            lambda x: one.into(self.apart(x)),
            lambda y: self.together(one.out(y)),
            lambda y: one.inside(y).all(-1),
            lambda x: (one.border or self.base.valid)(self.apart(x)).all(-1),
        )
