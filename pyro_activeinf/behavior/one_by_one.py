"""Persons one by one: any agent at all, as it is."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .. import ops
from .._checks import complain
from ..agents import Agent
from ..compile import control_sizes
from .chooser import Chooser

LOG = logging.getLogger("pyro_activeinf")
Shown = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Event:
    """Something that happened to a person."""

    before: Event | None = None  # what happened before; None: nothing
    shown: Shown = field(default_factory=dict)
    action: int | None = None  # that brought what was shown, controls flattened; None: no action
    restarts: bool = False  # a session begins


@dataclass(frozen=True)
class Step:
    """A time step: what led to it, and all that was shown at it."""

    shown: Shown
    action: int | None
    restarts: bool


class Life:
    """An agent that goes along with what happened to a person; made anew where it has to go back.

    Args:
        make: makes the agent as it is at first.
    """

    def __init__(self, make: Callable[[], Agent]) -> None:
        self._make, self._agent = make, make()
        self._at: Event | None = None  # up to which all was perceived

    @property
    def controls(self) -> tuple[int, ...]:
        """Number of choices of each control."""
        return control_sizes(self._agent.filter.actions)

    def log_probs(self, event: Event) -> Tensor:
        """Log-probabilities of the next action after all that happened, ``(actions,)``."""
        path = _since(self._at, event)
        if path is None or (path and not _begins(path[0])) or self._at is None:
            self._agent, path = self._make(), _since(None, event) or []
            self._perceive(Step({}, None, restarts=True), path)
        else:
            self._perceive(None, path)
        self._at = event
        return ops.log(self._agent.action_probs(self._agent.plan()).flatten())

    def _perceive(self, step: Step | None, path: Sequence[Event]) -> None:
        """Perceive the time steps of what happened; ``step`` is one that goes on at first."""
        for event in path:
            if _begins(event):
                if step is not None and not (event.restarts and step.action is None):
                    self._take(step)
                step = Step(event.shown, event.action, event.restarts)
            elif step is not None:
                step = Step({**event.shown, **step.shown}, step.action, step.restarts)
        if step is not None:
            self._take(step)

    def _take(self, step: Step) -> None:
        if step.restarts:
            self._agent.reset()
        action = None if step.action is None else _as_controls(step.action, self.controls)
        self._agent.perceive(step.shown, action)


def _begins(event: Event) -> bool:
    """Whether a time step begins with an event."""
    return event.restarts or event.action is not None


def _since(start: Event | None, event: Event) -> list[Event] | None:
    """What happened after one event up to another; ``None`` where it was not on the way."""
    path: list[Event] = []
    at: Event | None = event
    while at is not None and at is not start:
        path.append(at)
        at = at.before
    return path[::-1] if at is start else None


def _as_controls(index: int, controls: Sequence[int]) -> Tensor:
    place = torch.tensor(index)
    return torch.stack(ops.unravel(place, controls)) if len(controls) > 1 else place


@dataclass(frozen=True)
class OneByOne(Chooser):
    """Any agents, each in a life of its own: trial by trial, in Python.

    States are numbers of events that the chooser keeps.

    Raises:
        ValueError: by the agents themselves, for what is impossible.
    """

    lives: tuple[Life, ...]  # of each person, the last batch dim fastest
    shape: tuple[int, ...]
    events: list[Event] = field(default_factory=lambda: [Event()])

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the persons."""
        return self.shape

    @property
    def num_actions(self) -> int:
        """Number of actions; several controls are flattened, the last one fastest."""
        return math.prod(self.lives[0].controls)

    def initial(self) -> Tensor:
        """Nothing has happened to anyone, ``(*batch)``."""
        return torch.zeros(self.shape, dtype=torch.long)

    def restart(self, state: Tensor) -> Tensor:
        """A session begins; what an agent has learned is kept."""
        return self._after(state, lambda i, before: Event(before, restarts=True))

    def perceive(self, state: Tensor, cue: Mapping[str, Tensor]) -> Tensor:
        """More of the same time step; a site that was seen at it is not seen again."""
        return self._after(state, lambda i, before: Event(before, self._shown(cue, i)))

    def learn(self, state: Tensor, action: Tensor, outcome: Mapping[str, Tensor]) -> Tensor:
        """An action was taken, and brought an outcome."""
        acts = action.expand(self.shape).flatten().tolist()
        return self._after(state, lambda i, at: Event(at, self._shown(outcome, i), acts[i]))

    def log_probs(self, state: Tensor) -> Tensor:
        """Log-probabilities of the next action, ``(*batch, actions)``."""
        each = state.reshape(-1, len(self.lives)).T
        found = [
            torch.stack([life.log_probs(self.events[int(number)]) for number in numbers])
            for life, numbers in zip(self.lives, each, strict=True)
        ]
        return torch.stack(found, 1).reshape(*state.shape, -1)

    def _after(self, state: Tensor, happen: Callable[[int, Event], Event]) -> Tensor:
        first = len(self.events)
        before = [self.events[int(number)] for number in state.flatten()]
        self.events.extend(happen(i, event) for i, event in enumerate(before))
        return torch.arange(first, len(self.events)).reshape(self.shape)

    def _shown(self, values: Mapping[str, Tensor], person: int) -> Shown:
        """What one person is shown; missing values left out."""
        return {name: one for name, one in self._each(values, person) if not _missing(one)}

    def _each(self, values: Mapping[str, Tensor], person: int) -> Iterator[tuple[str, Tensor]]:
        for name, value in values.items():
            whole = tuple(value.shape[: len(self.shape)]) == self.shape
            rows = value.flatten(0, len(self.shape) - 1) if whole else value
            yield name, rows[person % len(rows)]


def _missing(value: Tensor) -> bool:
    return bool((value.isnan() if value.is_floating_point() else value == -1).all())


def one_by_one(
    build: Callable[[Mapping[str, Tensor]], Any],
    people: Mapping[str, Tensor],
    shape: Sequence[int],
    why: str,
) -> OneByOne:
    """Choosers of agents that have no common form.

    Args:
        build: from parameters of one person to an agent.
        people: site to values ``(persons, *event)``.
        shape: of the persons.
        why: there is no common form.
    """
    LOG.info("Persons go one by one, each an agent of its own, which takes its time: %s", why)

    def maker(i: int) -> Callable[[], Agent]:
        return lambda: _agent(build({name: value[i] for name, value in people.items()}))

    return OneByOne(tuple(Life(maker(i)) for i in range(math.prod(shape))), tuple(shape))


def _agent(made: Any) -> Agent:
    if not isinstance(made, Agent):
        raise TypeError(complain("agent", "an Agent for every person", repr(made)))
    return made
