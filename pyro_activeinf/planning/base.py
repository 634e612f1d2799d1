"""What every planner does: score policies from a belief, by expected free energy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from .._checks import complain
from ..filters import Filter
from ..records import Belief, PolicyPosterior


class Planner(ABC):
    """A rule from a belief to a posterior over policies.

    It keeps nothing that an answer depends on; at most where a search for it is to begin.
    """

    @abstractmethod
    def __call__(self, filter: Filter, belief: Belief) -> PolicyPosterior:
        """Score policies from a belief on; lower expected free energy is better."""


class Resumable(Planner):
    """A planner whose search begins at its last solution, which can be kept in a file."""

    @abstractmethod
    def solution(self, filter: Filter) -> Mapping[str, Any] | None:
        """The last solution for a filter, as tensors and plain values; ``None`` without one."""

    @abstractmethod
    def resume(self, filter: Filter, solution: Mapping[str, Any]) -> None:
        """Go on from what :meth:`solution` of the same kind of planner has told."""


def require_question(filter: object, belief: object) -> None:
    """Raise ``TypeError`` unless a planner is called with a filter and a belief."""
    if not hasattr(filter, "predict") or not isinstance(belief, Belief):
        raise TypeError(
            complain(
                "filter, belief",
                "a filter and one of its beliefs",
                f"{filter!r} and {belief!r}",
                "For example planner(filter, filter.update(filter.initial(), observation)).",
            )
        )
