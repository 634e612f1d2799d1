"""A chain: warm-up and draws."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .adaptation import DualAveraging, windows
from .metric import Array, Metric
from .tree import Asking, Moved, Phase, at, reasonable_step, transition


class Plan(NamedTuple):
    """How a chain goes."""

    draws: int
    warmup: int
    target_accept: float
    max_depth: int


@dataclass
class Chain:
    """One chain of a sampler; ``go`` is its course."""

    plan: Plan
    start: Array  # (dim,)
    metric: Metric
    rng: np.random.Generator
    moves: list[Moved] = field(default_factory=list)  # of all draws
    warmed: int = 0
    step: float = 1.0

    def go(self) -> Asking[None]:
        """Warm up, then draw."""
        phase = yield from at(self.start)
        phase = yield from self._warm_up(phase)
        for _ in range(self.plan.draws):
            moved = yield from self._move(phase)
            phase = moved.phase
            self.moves.append(moved)

    def _warm_up(self, phase: Phase) -> Asking[Phase]:
        averaging = yield from self._averaging(phase)
        before, ends = windows(self.plan.warmup)
        seen: list[Array] = []
        while self.warmed < self.plan.warmup:
            self.warmed += 1
            moved = yield from self._move(phase)
            phase = moved.phase
            averaging.update(moved.accept)
            self.step = averaging.step
            if self.warmed > before:
                seen.append(phase.z)
            if self.warmed in ends:
                self.metric = self.metric.estimated(np.stack(seen))
                seen = []
                averaging = yield from self._averaging(phase)
        self.step = averaging.final
        return phase

    def _averaging(self, phase: Phase) -> Asking[DualAveraging]:
        self.step = yield from reasonable_step(phase, self.metric, self.rng, self.step)
        return DualAveraging(self.step, self.plan.target_accept)

    def _move(self, phase: Phase) -> Asking[Moved]:
        return (yield from transition(phase, self.metric, self.step, self.rng, self.plan.max_depth))

    @property
    def done(self) -> int:
        """Steps taken."""
        return self.warmed + len(self.moves)
