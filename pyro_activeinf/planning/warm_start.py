"""What a planner found last, for the step that follows."""

from __future__ import annotations

from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ..filters import Filter
from ..records import Belief

Found = TypeVar("Found")


class WarmStart(Generic[Found]):
    """The last solution for each filter, given out only at the time step that follows it.

    Agents with filters of their own do not see each other's; a new episode, another batch, or the
    same step planned again begin without one.
    """

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Filter, tuple[int, tuple[int, ...], Found]]
        self._kept = WeakKeyDictionary()

    def keep(self, filter: Filter, belief: Belief, found: Found) -> None:
        """Note what was found from a belief."""
        self._kept[filter] = belief.step, tuple(belief.batch_shape), found

    def follow(self, filter: Filter, belief: Belief) -> Found | None:
        """What was found one step before this belief, or ``None``."""
        step, batch, found = self._kept.get(filter, (None, None, None))
        follows = step is not None and (step + 1, batch) == (belief.step, tuple(belief.batch_shape))
        return found if follows else None


def one_step_on(steps: Tensor, dim: int) -> Tensor:
    """What was meant for the steps that follow, the last one twice.

    Example:
        >>> one_step_on(torch.tensor([1, 2, 3]), 0)
        tensor([2, 3, 3])
    """
    last = steps.shape[dim] - 1
    return torch.cat([steps.narrow(dim, 1, last), steps.narrow(dim, last, 1)], dim)
