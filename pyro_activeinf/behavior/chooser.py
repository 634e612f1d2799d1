"""What chooses: a state that is moved by what is seen, and probabilities of the next action."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from .._checks import complain
from .choices import Choices
from .histories import Histories

State = Any  # any structure of tensors (*batch, *event): tuples, dicts, named tuples


class Chooser(ABC):
    """A model of how someone chooses. Subclasses are frozen dataclasses of tensors and constants.

    Tensor fields have the shape ``(*batch, *event)``: persons, draws and chains are batch dims.
    Methods are pure and differentiable, and broadcast: a state may have further dims on the left.
    """

    @property
    @abstractmethod
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the persons; the last dim is that of the subjects."""

    @property
    @abstractmethod
    def num_actions(self) -> int:
        """Number of actions to choose from."""

    @abstractmethod
    def initial(self) -> State:
        """Before anything was seen, ``(*batch, *event)`` each."""

    @abstractmethod
    def restart(self, state: State) -> State:
        """At the beginning of another session: what is kept of a state, and what begins anew."""

    @abstractmethod
    def perceive(self, state: State, cue: Mapping[str, Tensor]) -> State:
        """After what is shown before a choice; missing values are -1 or NaN."""

    @abstractmethod
    def learn(self, state: State, action: Tensor, outcome: Mapping[str, Tensor]) -> State:
        """After an action ``(*batch,)`` and what it brought; missing values are -1 or NaN."""

    @abstractmethod
    def log_probs(self, state: State) -> Tensor:
        """Log-probabilities of the next action, ``(*batch, actions)``."""


class Tracing(Chooser):
    """A chooser with a quicker way to its states than trial by trial."""

    @abstractmethod
    def trace(self, choices: Choices) -> State:
        """States at which each choice was made, ``(trials, *batch, *event)``."""


class Anew(Chooser):
    """A chooser to whom every session begins as the first one did: nothing is kept."""


def log_action_probs(chooser: Chooser, choices: Choices) -> Tensor:
    """Log-probabilities of every action at every trial, ``(*batch, subjects, trials, actions)``.

    Choices are known, so that states can be followed first; all trials are then decided at once.
    Where sessions are short and nothing is kept between them, each history within a session is
    followed once, however often it comes again.
    """
    if chooser.batch_shape[-1:] != (choices.num_subjects,):
        expected = f"one whose last batch dim is the {choices.num_subjects} subjects"
        raise ValueError(complain("chooser", expected, f"batch shape {chooser.batch_shape}"))
    if choices.most >= chooser.num_actions:
        expected = f"actions below {chooser.num_actions}, which is how many the agent has"
        raise ValueError(complain("actions", expected, choices.most))
    if isinstance(chooser, Anew) and (found := choices.histories) is not None:
        states = _followed(chooser, _short(choices, found))
        ends = pytree.tree_map(lambda each: each[found.ends], states)
        told = chooser.log_probs(ends).movedim(0, -2)
        return told.gather(
            -2, found.number.unsqueeze(-1).expand(*told.shape[:-2], -1, told.shape[-1])
        )
    return chooser.log_probs(_followed(chooser, choices)).movedim(0, -2)


def _followed(chooser: Chooser, choices: Choices) -> State:
    return chooser.trace(choices) if isinstance(chooser, Tracing) else walk(chooser, choices)


def _short(choices: Choices, found: Histories) -> Choices:
    """Each history once, as a session of its own."""
    return Choices(
        actions=found.taken(choices.actions),
        outcomes={name: found.taken(value) for name, value in choices.outcomes.items()},
        cues={name: found.taken(value) for name, value in choices.cues.items()},
        present=found.taken(choices.present),
        starts=found.starts.expand(choices.num_subjects, -1),
    )


def walk(chooser: Chooser, choices: Choices) -> State:
    """States at which each choice was made, ``(trials, *batch, *event)``, one after another."""
    state, states = chooser.initial(), []
    for t in range(choices.num_trials):
        state = before(chooser, state, choices, t)
        states.append(state)
        if t < choices.num_trials - 1:
            state = after(chooser, state, choices, t)
    return pytree.tree_map(lambda *each: torch.stack(each), *states)


def before(chooser: Chooser, state: State, choices: Choices, trial: int) -> State:
    """The state at which the choice of a trial is made."""
    if trial:
        starts = choices.starts[:, trial]
        state = moved(starts, chooser.restart, state, len(chooser.batch_shape))
    if not choices.cues:
        return state
    cue = at(choices.cues, trial)
    return moved(
        choices.counted[:, trial],
        lambda now: chooser.perceive(now, cue),
        state,
        len(chooser.batch_shape),
    )


def after(chooser: Chooser, state: State, choices: Choices, trial: int) -> State:
    """The state after the choice of a trial and what it brought."""
    acted = choices.actions[:, trial].clamp(min=0)
    brought = at(choices.outcomes, trial)
    return moved(
        choices.counted[:, trial],
        lambda now: chooser.learn(now, acted, brought),
        state,
        len(chooser.batch_shape),
    )


def at(sites: Mapping[str, Tensor], trial: int) -> dict[str, Tensor]:
    """Values of a trial, ``(subjects, *event)``."""
    return {site: value[:, trial] for site, value in sites.items()}


def moved(mask: Tensor, move: Callable[[State], State], state: State, batch_dims: int) -> State:
    """Move the states of those subjects ``(subjects,)``, the last batch dim, that are marked."""
    if bool(mask.all()):
        return move(state)
    if not bool(mask.any()):
        return state

    def chosen(new: Tensor, old: Tensor) -> Tensor:
        return torch.where(mask.reshape(-1, *[1] * (new.dim() - batch_dims)), new, old)

    return pytree.tree_map(chosen, move(state), state)
