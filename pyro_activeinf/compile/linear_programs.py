"""Gaussian programs, linearized where a belief is, or once and for all where they are affine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass

import gymnasium as gym
import torch
from torch import Tensor

from .. import ops
from .cache import KEPT_STEPS, Followed
from .enumerate import HANDLERS
from .linear import Linearized, as_vector, linearize, observe_layout
from .linear_preferences import RealPreferences, real_preferences
from .linear_probe import is_affine
from .program import Programs, compile_habit, control_sizes, depends_on_step
from .wishes import NO_WISHES, Shape, Wishes, require_fit


@dataclass(frozen=True)
class Affine:
    """A program that is affine with constant noise, for each of finitely many actions."""

    offset: Tensor  # (*actions, outputs)
    slope: Tensor  # (*actions, outputs, states); without actions where they are all the same
    noise: Tensor  # (*actions, outputs, outputs); likewise
    control: Tensor | None = None  # (outputs, controls): slope of a real action

    @property
    def shared(self) -> bool:
        """Whether actions differ in their offsets at most."""
        return self.slope.dim() == 2 and self.noise.dim() == 2

    @property
    def tensors(self) -> Iterator[Tensor]:
        """All of its arrays."""
        yield from (self.offset, self.slope, self.noise)
        if self.control is not None:
            yield self.control

    def __call__(self, state: Tensor, action: Tensor | None) -> Linearized:
        """About a state ``(*batch, states)``; slope and noise broadcast against the batch."""
        offset, slope, noise = self.offset, self.slope, self.noise
        if self.control is not None and action is not None:
            offset = offset + action @ self.control.mT
        elif offset.dim() > 1 and action is not None:
            offset = offset[action]
            slope = slope[action] if slope.dim() > 2 else slope
            noise = noise[action] if noise.dim() > 2 else noise
        return Linearized(offset + apply(slope, state), slope, noise)


def apply(matrix: Tensor, vector: Tensor) -> Tensor:
    """Matrices ``(*batch, m, n)`` times vectors ``(*batch, n)``."""
    if matrix.shape[:-2].numel() == 1 and matrix.dim() <= vector.dim() + 1:  # one for all
        return vector @ matrix.reshape(matrix.shape[-2:]).mT
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def alike(tensor: Tensor) -> Tensor:
    """The first row where all are equal and none is learned, else all of them."""
    if tensor.requires_grad or not bool((tensor == tensor[:1]).all()):
        return tensor
    return tensor[0]


@dataclass(frozen=True)
class _Made:
    """What is made of the programs at once."""

    initial: Linearized
    transition: Affine | None
    observe: Affine | None

    @property
    def tensors(self) -> Iterator[Tensor]:
        yield from (self.initial.value, self.initial.noise)
        for program in (self.transition, self.observe):
            if program is not None:
                yield from program.tensors


class LinearPrograms(Followed):
    """The programs of a model whose sites are all Gaussian, as functions of normal noise.

    ``transition`` and ``observe`` are linearized once where they are affine with constant noise
    (which is told from their operations, see :func:`~.linear_probe.is_affine`), and else at each
    call. Gradients flow to the parameters of the programs.

    Raises:
        ProgramError: (a ``ValueError``) for a site of another family, and for programs that do
            not fit together.
    """

    def __init__(self, programs: Programs) -> None:
        super().__init__(programs)
        self.wishes = NO_WISHES
        self.real = isinstance(programs.actions, gym.spaces.Box)
        self.controls = () if self.real else control_sizes(programs.actions)
        self.event = tuple(programs.actions.shape or ()) if self.real and programs.actions else ()
        self._made: _Made | None = None
        self._preferences: dict[int, RealPreferences] = {}
        with HANDLERS, self._params:
            self.states, self.outcomes = observe_layout(programs)
        self.stationary = not depends_on_step(programs)
        _ = self.made  # a program that does not fit is refused at once
        self.preferences(0)

    @property
    def made(self) -> _Made:
        """The first state, and what is affine; another object whenever the model changes."""
        if self._made is None or not self._fresh():
            with HANDLERS, self._params:
                self._made = self._make()
            self._preferences = {}
            self.stationary = not depends_on_step(self.programs)
            self._look()
            self._watch(self._made.tensors)
        return self._made

    def _make(self) -> _Made:
        initial = linearize(self.programs, "initial", self.states, self.states, None)
        zero = torch.zeros_like(initial.value.detach())
        return _Made(initial, self._affine_transition(zero), self._affine_observe(zero))

    def _affine_transition(self, zero: Tensor) -> Affine | None:
        action = self._every(zero)
        if action is not None and not self.real:
            zero = zero.unsqueeze(0)
        if not is_affine(self.programs, "transition", self.states, zero, action, self.real):
            return None
        controls = math.prod(self.event) if self.real else 0
        found = linearize(
            self.programs, "transition", self.states, self.states, zero, action, controls
        )
        states = zero.shape[-1]
        slope, control = found.slope[..., :states], found.slope[..., states:]
        if action is None or self.real:
            return Affine(found.value, slope, found.noise, control if self.real else None)
        return Affine(found.value, alike(slope), alike(found.noise))

    def _affine_observe(self, zero: Tensor) -> Affine | None:
        if not is_affine(self.programs, "observe", self.states, zero, None, False):
            return None
        found = linearize(self.programs, "observe", self.states, self.outcomes, zero)
        return Affine(found.value, found.slope, found.noise)

    def _every(self, like: Tensor) -> Tensor | None:
        """A real action, or every one of finitely many; ``None`` without actions."""
        if self.real:
            return like.new_zeros(self.event)
        return self.action(torch.arange(math.prod(self.controls), device=like.device))

    def action(self, index: Tensor) -> Tensor | None:
        """Actions as the programs take them, from positions in the flattened space."""
        if not self.controls:
            return None
        if len(self.controls) == 1:
            return index
        return torch.stack(ops.unravel(index, self.controls), -1)

    def transition(self, state: Tensor, action: Tensor | None) -> Linearized:
        """Linearized about a state ``(*batch, states)``.

        Args:
            action: real ``(*batch, *event)``, or positions ``(*batch)`` in the flattened space;
                batch dims are those of the state.
        """
        affine = self.made.transition
        if affine is not None:
            flat = action if action is None or not self.real else as_vector(action, len(self.event))
            return affine(state, flat)
        given = action if self.real or action is None else self.action(action)
        with HANDLERS, self._params:
            return linearize(self.programs, "transition", self.states, self.states, state, given)

    def observe(self, state: Tensor) -> Linearized:
        """Linearized about a state ``(*batch, states)``."""
        affine = self.made.observe
        if affine is not None:
            return affine(state, None)
        with HANDLERS, self._params:
            return linearize(self.programs, "observe", self.states, self.outcomes, state)

    def preferences(self, step: int) -> RealPreferences:
        """What is preferred at a time step."""
        like = self.made.initial.value
        step = 0 if self.stationary else step
        found = self._preferences.get(step)
        if found is None:
            with HANDLERS, self._params:
                found = real_preferences(
                    self.programs, self.states, self.outcomes, step, like, self.wishes.preferences
                )
            self._look()
            self._watch((found.mean, found.factor))
            while len(self._preferences) >= KEPT_STEPS:
                self._preferences.pop(next(iter(self._preferences)), None)
            self._preferences[step] = found
        return found

    def habit(self) -> dict[str, Tensor]:
        """Log-probabilities of the sites of ``habit``; none for real actions."""
        if self.real:
            return {}
        with HANDLERS, self._params:
            own = compile_habit(self.programs, self.controls)
        return {**own, **self.wishes.log_habit}

    def preferred(self) -> dict[str, Shape]:
        """Observation sites that the program prefers something of, at the first step."""
        events = self.outcomes.events
        return {name: events[name] for name in self.preferences(0).names if name in events}

    def usual(self) -> dict[str, Shape]:
        """Sites of the habit."""
        if self.real:
            some = getattr(self.programs, "habit", None) is not None
            return {"action": torch.Size(self.event)} if some else {}
        return {name: len(log_probs) for name, log_probs in self.habit().items()}

    def wishing(self, wishes: Wishes) -> LinearPrograms:
        """The same programs with other preferences and habits; what was linearized is shared.

        Raises:
            ValueError: for a site of which the program wishes nothing, or another shape.
        """
        require_fit(wishes, self.preferred(), self.usual())
        found = copy(self)
        found.wishes, found._preferences = wishes, {}
        found._watch(self.made.tensors)
        return found
