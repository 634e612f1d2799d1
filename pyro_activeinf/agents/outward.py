"""What the world is shown of the actions of several levels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .tower import Chosen

__all__ = ["Highest", "Lowest", "Outward"]


class Outward(ABC):
    """A rule from the actions of all levels to that which the world is shown."""

    @abstractmethod
    def __call__(
        self, actions: Mapping[int, Tensor], acting: Sequence[Chosen], sizes: Sequence[int]
    ) -> Tensor:
        """The action that is shown, ``(*batch)``.

        Args:
            actions: of each level that acts and has a choice, by its position from 0.
            acting: whether each level acts, for all members of the batch or for each.
            sizes: number of actions of each level.
        """


@dataclass(frozen=True)
class Lowest(Outward):
    """The action of the lowest level; those of the others only move their own states."""

    def __call__(
        self, actions: Mapping[int, Tensor], acting: Sequence[Chosen], sizes: Sequence[int]
    ) -> Tensor:
        """The action of the lowest level."""
        return actions[0]


@dataclass(frozen=True)
class Highest(Outward):
    """The action of the highest level that acts, counted on from those of the levels below.

    With four actions at the lowest level and ten above it, the world has fourteen.

    Example:
        >>> actions = {0: torch.tensor([2, 3]), 1: torch.tensor([0, 9])}
        >>> Highest()(actions, [True, torch.tensor([False, True])], [4, 10]).tolist()
        [2, 13]
    """

    def __call__(
        self, actions: Mapping[int, Tensor], acting: Sequence[Chosen], sizes: Sequence[int]
    ) -> Tensor:
        """The action of the highest level that acts."""
        shown, start = actions[0], sizes[0]
        for i in range(1, len(sizes)):
            if i in actions:
                acts = torch.as_tensor(acting[i], device=shown.device)
                shown = torch.where(acts, start + actions[i], shown)
            start += sizes[i]
        return shown
