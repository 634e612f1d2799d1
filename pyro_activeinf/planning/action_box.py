"""The box that real-valued actions are chosen from."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium as gym
import torch
from torch import Tensor

from .._checks import complain
from ..filters import Filter


@dataclass(frozen=True)
class ActionBox:
    """Bounds of an action, as tensors of the filter's type and device."""

    low: Tensor  # (*event)
    high: Tensor  # (*event)

    @property
    def event(self) -> torch.Size:
        """Shape of one action."""
        return self.low.shape

    @property
    def center(self) -> Tensor:
        """The middle of the box, ``(*event)``."""
        return (self.low + self.high) / 2

    @property
    def half_width(self) -> Tensor:
        """From the middle to the bounds, ``(*event)``."""
        return (self.high - self.low) / 2

    def clamp(self, actions: Tensor) -> Tensor:
        """The nearest actions within the box, ``(.., *event)``."""
        return torch.minimum(torch.maximum(actions, self.low), self.high)


def action_box(filter: Filter) -> ActionBox:
    """The bounds of the filter's action space.

    Raises:
        ValueError: for a space that is no bounded Box.
    """
    space = filter.actions
    if not isinstance(space, gym.spaces.Box):
        raise ValueError(
            complain(
                "model.actions",
                "a gymnasium.spaces.Box of real-valued actions",
                space,
                "Where actions are counted, take OpenLoop, Sophisticated or TreeSearch.",
            )
        )
    if not space.is_bounded():
        raise ValueError(
            complain(
                "model.actions",
                "a Box with finite bounds on both sides",
                space,
                "Give bounds, as Box(-3.0, 3.0, shape); a habit over actions keeps plans closer.",
            )
        )
    bounds = (torch.as_tensor(bound).to(filter.device, filter.dtype) for bound in _bounds(space))
    return ActionBox(*bounds)


def _bounds(space: gym.spaces.Box) -> tuple[object, object]:
    return space.low, space.high
