"""Families whose coordinates are those that geometry has for them."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from .. import geometry
from .family import Family


class Known(Family):
    """A family whose pair of coordinates geometry describes, as it does for manifolds."""

    dual: ClassVar[geometry.Legendre]

    def log_partition(self, natural: Tensor) -> Tensor:
        r""":math:`A(\lambda)`: ``(*batch)``."""
        return self.dual.log_partition(natural)

    def mean(self, natural: Tensor) -> Tensor:
        r""":math:`\mu = \nabla A(\lambda)`."""
        return self.dual.mean(natural)

    def natural(self, mean: Tensor) -> Tensor:
        r"""A :math:`\lambda` that has these means; differentiable."""
        return self.dual.natural(mean)

    def valid(self, natural: Tensor) -> Tensor:
        """Whether natural coordinates are in the domain: ``(*batch)``."""
        return self.dual.valid(natural)

    def distribution(self, natural: Tensor) -> Any:
        """The distribution, of batch shape ``(*batch)``."""
        return self.dual.distribution(natural)
