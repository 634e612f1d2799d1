"""Families whose coordinates are those that geometry has for them."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from .. import geometry
from .family import Family


class Known(Family):
    """A family that geometry knows by natural and mean coordinates, none of which say the same."""

    geometry: ClassVar[geometry.ExponentialFamily]

    def log_partition(self, natural: Tensor) -> Tensor:
        r""":math:`A(\lambda)`: ``(*batch)``."""
        return self.geometry.log_partition(natural)

    def mean(self, natural: Tensor) -> Tensor:
        r""":math:`\mu = \nabla A(\lambda)`."""
        return self.geometry.mean(self.geometry.from_natural(natural))

    def natural(self, mean: Tensor) -> Tensor:
        r"""The :math:`\lambda` that has these means; differentiable."""
        return self.geometry.natural(self.geometry.from_mean(mean))

    def valid(self, natural: Tensor) -> Tensor:
        """Whether natural coordinates are in the domain: ``(*batch)``."""
        inside = self.geometry.valid(self.geometry.from_natural(natural))
        return inside & natural.isfinite().all(-1)

    def distribution(self, natural: Tensor) -> Any:
        """The distribution, of batch shape ``(*batch)``."""
        return self.geometry.distribution(self.geometry.from_natural(natural))
