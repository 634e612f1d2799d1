"""What a planner found last, for the step that follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ..filters import Filter
from ..records import Belief

Found = TypeVar("Found")


@dataclass(frozen=True)
class Solution(Generic[Found]):
    """What was found from a belief of this time step and batch."""

    step: int
    batch: tuple[int, ...]
    found: Found


class WarmStart(Generic[Found]):
    """The last solution for each filter, given out only at the time step that follows it.

    Agents with filters of their own do not see each other's; a new episode, another batch, or the
    same step planned again begin without one.
    """

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Filter, Solution[Found]] = WeakKeyDictionary()

    def keep(self, filter: Filter, belief: Belief, found: Found) -> None:
        """Note what was found from a belief."""
        self.put(filter, Solution(belief.step, tuple(belief.batch_shape), found))

    def put(self, filter: Filter, solution: Solution[Found]) -> None:
        """Note a solution, such as that of another filter of the same model."""
        self._kept[filter] = solution

    def last(self, filter: Filter) -> Solution[Found] | None:
        """What was found last, from whatever belief."""
        return self._kept.get(filter)

    def follow(self, filter: Filter, belief: Belief) -> Found | None:
        """What was found one step before this belief, or ``None``."""
        last = self.last(filter)
        if last is None or (last.step + 1, last.batch) != (belief.step, tuple(belief.batch_shape)):
            return None
        return last.found


def one_step_on(steps: Tensor, dim: int) -> Tensor:
    """What was meant for the steps that follow, the last one twice.

    Example:
        >>> one_step_on(torch.tensor([1, 2, 3]), 0)
        tensor([2, 3, 3])
    """
    last = steps.shape[dim] - 1
    return torch.cat([steps.narrow(dim, 1, last), steps.narrow(dim, last, 1)], dim)
