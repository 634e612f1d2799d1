"""One level of a hierarchy: a model with its own filter, planner and clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from .._checks import complain, nonnegative, positive_int
from ..compile import Programs
from ..filters import Bank, ExactFilter
from ..planning import Planner, Variational
from ..records import Belief


def next_action() -> Planner:
    """A step of variational inference over the next actions."""
    return Variational(horizon=1, steps=1, precision=16.0)


@dataclass(frozen=True)
class Level:
    """A level of a :class:`~pyro_activeinf.HierarchicalAgent`.

    Args:
        model: an ordinary :class:`~pyro_activeinf.GenerativeModel`.
        planner: scores its policies; by default the next actions by a step of variational
            inference, ``Variational(horizon=1, steps=1, precision=16.0)``.
        filter: carries its belief; an exact filter of the model by default, and a
            :class:`~pyro_activeinf.filters.Bank` for a lowest level of real sites.
        steps_per_update: own steps that make one step of the level above.
        until: a condition on the own belief that ends the step of the level above early:
            a truth value, or one for each member of the batch.
        action_precision: of its actions, see :class:`~pyro_activeinf.Agent`.

    Raises:
        ValueError: for a number of steps below one, or a negative precision.
        TypeError: for a model or a planner that is none.

    Example:
        >>> from pyro_activeinf.models import TMaze
        >>> Level(TMaze(), steps_per_update=3).planner.horizon
        1
    """

    model: Programs
    planner: Planner = field(default_factory=next_action)
    filter: ExactFilter | Bank | None = None
    steps_per_update: int = 1
    until: Callable[[Belief], bool | Tensor] | None = None
    action_precision: float = 16.0

    def __post_init__(self) -> None:
        if isinstance(self.model, type) or not hasattr(self.model, "transition"):
            raise TypeError(
                complain("model", "a model with initial, transition and observe", self.model)
            )
        if not isinstance(self.planner, Planner):
            raise TypeError(complain("planner", "a planner", repr(self.planner)))
        positive_int("steps_per_update", self.steps_per_update)
        nonnegative("action_precision", self.action_precision)


def as_level(value: Any) -> Level:
    """A level, or a model with nothing to choose as one."""
    return value if isinstance(value, Level) else Level(value)
