"""What a distribution remembers of its last draw, for as long as it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Stamp = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Draw:
    """A value ``x``, the point ``z`` that it comes from, and the log-determinant there."""

    x: Tensor
    z: Tensor
    log_det: Tensor
    stamp: Stamp
    attached: bool


class Memory:
    """The last draw. It is forgotten as soon as anything that it depends on was changed."""

    def __init__(self) -> None:
        self._draw: Draw | None = None

    def keep(self, x: Tensor, z: Tensor, log_det: Tensor, tensors: Sequence[Tensor]) -> None:
        """Remember a draw, and the state of all tensors that it depends on."""
        self._draw = Draw(x, z, log_det, _stamp([x, *tensors]), torch.is_grad_enabled())

    def recall(self, x: Tensor, tensors: Sequence[Tensor]) -> Draw | None:
        """The last draw, where ``x`` is the very tensor and nothing has been changed since."""
        draw = self._draw
        if draw is None or draw.x is not x or draw.stamp != _stamp([x, *tensors]):
            return None
        return draw


def _stamp(tensors: Sequence[Tensor]) -> Stamp:
    """Identity of each tensor, and how often it has been changed in place."""
    return tuple((id(t), 0 if t.is_inference() else t._version) for t in tensors)
