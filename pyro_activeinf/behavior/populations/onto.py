"""A transform that knows which set it maps onto."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Transform


class Onto(Transform):
    """The same transform with a given codomain.

    Torch loses it where a transform ends with a shift or a scale: onto an interval becomes onto
    the real line, and a distribution pushed through it has the wrong support.
    """

    bijective = True

    def __init__(self, transform: Transform, codomain: Any) -> None:
        super().__init__()
        self.transform = transform
        self.domain = transform.domain
        self.codomain = codomain

    def _call(self, x: Tensor) -> Tensor:
        return self.transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.transform.inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Log of the determinant of the Jacobian."""
        return self.transform.log_abs_det_jacobian(x, y)

    def forward_shape(self, shape: torch.Size) -> torch.Size:
        """Shape of what is mapped."""
        return self.transform.forward_shape(shape)

    def inverse_shape(self, shape: torch.Size) -> torch.Size:
        """Shape of what it is mapped from."""
        return self.transform.inverse_shape(shape)
