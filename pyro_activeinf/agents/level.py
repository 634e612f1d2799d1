"""One level of a hierarchy: a model with its own filter, planner and clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from .._checks import complain, nonnegative, positive_int
from ..compile import Programs
from ..filters import Filter
from ..planning import Planner, Variational
from ..records import Belief
from .below import AsSeen, Below

PROGRAMS = "initial", "transition", "observe"


def next_action(actions: gym.Space[Any] | None) -> Planner:
    """Variational inference over the next actions: a step of it is exact where they are counted."""
    if isinstance(actions, gym.spaces.Box):
        return Variational(horizon=1, steps=30, precision=16.0, restarts=4)
    return Variational(horizon=1, steps=1, precision=16.0)


@dataclass(frozen=True)
class Level:
    """A level of a :class:`~pyro_activeinf.HierarchicalAgent`.

    Args:
        model: an ordinary :class:`~pyro_activeinf.GenerativeModel`.
        planner: scores its policies; by default the next actions by variational inference: by
            one step of the natural gradient, ``Variational(horizon=1, steps=1, precision=16.0)``,
            or along gradients from four starts where they are real (``steps=30, restarts=4``).
        filter: carries its belief: exact, factorized, hidden Markov, particle or linear Gaussian,
            and for a lowest level a :class:`~pyro_activeinf.filters.Bank`. By default an exact
            one, or what ``filters.auto`` picks for a model with real sites; for a lowest level
            with real sites whose discrete ones are set from above, a bank of these.
        steps_per_update: own steps that make one step of the level above.
        until: a condition on the own belief that ends the step of the level above early:
            a truth value, or one for each member of the batch.
        action_precision: of its actions, see :class:`~pyro_activeinf.Agent`.
        below: how sites that stand for the level below are scored: :class:`AsSeen` by default, or
            by what that level reports of them, :class:`Enumerated` or :class:`Simulated` (of
            discrete levels, exact, factorized or hidden Markov; not for the lowest).

    Raises:
        ValueError: for a number of steps below one, a negative precision, or the filter of another
            model.
        TypeError: for a model, a planner, a filter or a condition that is none.

    Example:
        >>> from pyro_activeinf.models import TMaze
        >>> Level(TMaze(), steps_per_update=3).planner.horizon
        1
    """

    model: Programs
    planner: Planner = None  # type: ignore[assignment]  # what suits the actions is put in its place
    filter: Filter | None = None
    steps_per_update: int = 1
    until: Callable[[Belief], bool | Tensor] | None = None
    action_precision: float = 16.0
    below: Below = field(default_factory=AsSeen)

    def __post_init__(self) -> None:
        if isinstance(self.model, type) or not all(hasattr(self.model, p) for p in PROGRAMS):
            expected = "a model with initial, transition and observe"
            way_out = "Of an Agent, give Level(agent.model, agent.planner, agent.filter)."
            raise TypeError(complain("model", expected, self.model, way_out))
        if self.planner is None:
            object.__setattr__(self, "planner", next_action(self.model.actions))
        if not isinstance(self.planner, Planner):
            raise TypeError(complain("planner", "a planner", repr(self.planner)))
        if not isinstance(self.filter, Filter | None):
            raise TypeError(complain("filter", "a filter of the model, or None", repr(self.filter)))
        own: Any = getattr(self.filter, "model", self.model)
        if type(own) is not type(self.model):
            expected = f"a filter of the level's model, a {type(self.model).__name__}"
            raise ValueError(complain("filter", expected, f"one of a {type(own).__name__}"))
        if self.until is not None and not callable(self.until):
            raise TypeError(complain("until", "a function of the own belief", repr(self.until)))
        if not isinstance(self.below, Below):
            expected = "AsSeen(), Enumerated() or Simulated()"
            raise TypeError(complain("below", expected, repr(self.below)))
        positive_int("steps_per_update", self.steps_per_update)
        nonnegative("action_precision", self.action_precision)

    def over(self, ticks: Tensor, belief: Belief) -> Tensor:
        """Whether the step of the level above is over after own steps ``(*batch)``.

        Raises:
            ValueError: where ``until`` tells other than truth values.
        """
        clock = ticks >= self.steps_per_update
        return (
            clock
            if self.until is None
            else clock | _truths(self.until(belief), belief.batch_shape, ticks)
        )


def _truths(told: Any, batch: torch.Size, like: Tensor) -> Tensor:
    known = isinstance(told, bool | np.bool_ | np.ndarray | Tensor)
    found = torch.as_tensor(told, device=like.device) if known else None
    if found is None or found.dtype != torch.bool or found.shape not in ((), batch):
        expected = f"a truth value, or one for each of a batch of shape {tuple(batch)}"
        got = repr(told) if found is None else f"{found.dtype} of shape {tuple(found.shape)}"
        raise ValueError(complain("until", expected, got))
    return found


def as_level(value: Any) -> Level:
    """A level, or a model with nothing to choose as one."""
    return value if isinstance(value, Level) else Level(value)
