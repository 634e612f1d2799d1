"""A Gaussian belief about something with bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from .family import Family
from .gaussian import Gaussian, MultivariateGaussian


@dataclass(frozen=True)
class Transformed(Family):
    """A value is a transform of a Gaussian number or vector, which has the coordinates."""

    base: Gaussian | MultivariateGaussian
    transform: Any  # of the unconstrained values
    free_shape: tuple[int, ...] = ()  # of an unconstrained value, which the vector holds
    value_shape: tuple[int, ...] = ()
    bounds: tuple[int, ...] = ()  # batch shape of the values, where bounds differ within it

    @property
    def moments_type(self) -> Any:
        """That of the base."""
        return self.base.moments_type

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """Those of the base."""
        return self.base.parts

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of a value."""
        return self.value_shape

    def into(self, free: Tensor) -> Tensor:
        """Values ``(*batch, *event)`` from numbers or vectors."""
        batch = free.shape[: free.dim() - len(self.base.event_shape)]
        return self.transform(
            free.reshape(
                (
                    *batch,
                    *self.free_shape,
                )
            )
        )

    def _free(self, value: Tensor) -> Tensor:
        return self.transform.inv(value)

    def statistics(self, value: Tensor) -> Tensor:
        """Those of the Gaussian."""
        free = self._free(value)
        batch = free.shape[: free.dim() - len(self.free_shape)]
        return self.base.statistics(
            free.reshape(
                (
                    *batch,
                    *self.base.event_shape,
                )
            )
        )

    def log_base(self, value: Tensor) -> Tensor:
        """Minus the logarithm of the change of volume."""
        free = self._free(value)
        change = self.transform.log_abs_det_jacobian(free, value)
        batch = value.dim() - len(self.value_shape)
        return -change.sum(tuple(range(batch, change.dim()))) if change.dim() > batch else -change

    def log_partition(self, natural: Tensor) -> Tensor:
        """That of the base."""
        return self.base.log_partition(natural)

    def mean(self, natural: Tensor) -> Tensor:
        """That of the base."""
        return self.base.mean(natural)

    def natural(self, mean: Tensor) -> Tensor:
        """That of the base."""
        return self.base.natural(mean)

    def valid(self, natural: Tensor) -> Tensor:
        """That of the base."""
        return self.base.valid(natural)

    def neutral(self) -> Tensor:
        """A Gaussian of scale 1."""
        return 100.0 * self.base.neutral()

    def distribution(self, natural: Tensor) -> Any:
        """The transformed Gaussian."""
        gaussian = self.base.distribution(natural)
        if not self.free_shape or len(self.free_shape) == 1:
            return dist.TransformedDistribution(gaussian, [self.transform])
        sizes = torch.Size([math.prod(self.free_shape)]), torch.Size(self.free_shape)
        shape = dist.transforms.ReshapeTransform(*sizes)
        return dist.TransformedDistribution(gaussian, [shape, self.transform])
