"""A chain: warm-up and draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch

from ..._checks import complain
from .adaptation import DualAveraging, windows
from .metric import Array, Metric, metric_of
from .tree import Asking, Facts, Moved, Phase, at, reasonable_step, transition


class Plan(NamedTuple):
    """How a chain goes."""

    draws: int
    warmup: int
    target_accept: float
    max_depth: int


@dataclass
class Chain:
    """One chain of a sampler; ``go`` is its course.

    Between two moves it is what ``state`` says, which can be kept in a file: a chain that has been
    ``brought`` there makes the very moves that it would have made. A move on which it is when it is
    asked is made again then, with the same random numbers.
    """

    plan: Plan
    start: Array  # (dim,)
    metric: Metric
    rng: np.random.Generator
    points: list[Array] = field(default_factory=list)  # all draws, (dim,) each
    facts: list[Facts] = field(default_factory=list)  # of all draws
    warmed: int = 0
    step: float = 1.0

    def __post_init__(self) -> None:
        self._phase: Phase | None = None
        self._averaging: DualAveraging | None = None
        self._seen: list[Array] = []  # in this window of the warm-up
        self._mark()

    def go(self) -> Asking[None]:
        """Warm up, then draw."""
        yield from self._set_out()
        while self.warmed < self.plan.warmup:
            yield from self._warm_up()
        while len(self.points) < self.plan.draws:
            moved = yield from self._move()
            self.points.append(moved.phase.z)
            self.facts.append(moved.facts)

    def _set_out(self) -> Asking[None]:
        """Look at where the chain is: at its start, or where a file says."""
        there = self._phase
        here = yield from at(self.start if there is None else there.z)
        if there is None:
            self._phase = here
        elif not np.isclose(here.log_prob, there.log_prob, rtol=1e-6):
            expected = f"one of this model and these choices, of {here.log_prob:.6f} nats there"
            way_out = "Name another file, or begin anew: resume=False."
            raise ValueError(
                complain("checkpoint", expected, f"one of {there.log_prob:.6f} nats", way_out)
            )

    def _warm_up(self) -> Asking[None]:
        averaging = self._averaging or (yield from self._averaged())
        moved = yield from self._move()
        averaging.update(moved.facts.accept)
        self.warmed, self.step = self.warmed + 1, averaging.step
        before, ends = windows(self.plan.warmup)
        if self.warmed > before:
            self._seen.append(moved.phase.z)
        if self.warmed in ends:
            self.metric = self.metric.estimated(np.stack(self._seen))
            self._averaging, self._seen = None, []
        if self.warmed == self.plan.warmup:
            self.step = averaging.final

    def _averaged(self) -> Asking[DualAveraging]:
        self.step = yield from reasonable_step(self._here, self.metric, self.rng, self.step)
        self._averaging = DualAveraging(self.step, self.plan.target_accept)
        self._mark()
        return self._averaging

    def _move(self) -> Asking[Moved]:
        plan = self.plan
        moved = yield from transition(self._here, self.metric, self.step, self.rng, plan.max_depth)
        self._phase = moved.phase
        self._mark()
        return moved

    def _mark(self) -> None:
        """Note the random numbers of the move that comes next."""
        self._random: Mapping[str, Any] = self.rng.bit_generator.state

    @property
    def _here(self) -> Phase:
        if self._phase is None:
            raise RuntimeError("the chain has not set out")
        return self._phase

    @property
    def done(self) -> int:
        """Steps taken."""
        return self.warmed + len(self.points)

    def state(self) -> dict[str, Any]:
        """All that is needed to go on, of a chain that has set out: tensors and numbers."""
        averaging = None if self._averaging is None else asdict(self._averaging)
        z, momentum, log_prob, gradient = self._here
        return {
            "phase": [torch.tensor(z), torch.tensor(momentum), log_prob, torch.tensor(gradient)],
            "metric": torch.tensor(self.metric.array),
            "random": dict(self._random),
            "points": torch.tensor(np.array(self.points)),
            "facts": torch.tensor(self.facts, dtype=torch.float64),
            "seen": torch.tensor(np.array(self._seen)),
            "averaging": averaging,
            "warmed": self.warmed,
            "step": self.step,
        }

    def bring(self, state: Mapping[str, Any]) -> None:
        """To where another one was."""
        z, momentum, log_prob, gradient = state["phase"]
        self._phase = Phase(z.numpy(), momentum.numpy(), log_prob, gradient.numpy())
        self.metric = metric_of(state["metric"].numpy())
        self.rng.bit_generator.state = dict(state["random"])
        self.points, self._seen = list(state["points"].numpy()), list(state["seen"].numpy())
        self.facts = [_facts(row) for row in state["facts"].tolist()]
        averaging = state["averaging"]
        self._averaging = None if averaging is None else DualAveraging(**averaging)
        self.warmed, self.step = state["warmed"], state["step"]
        self._mark()


def _facts(row: list[float]) -> Facts:
    accept, steps, depth, diverging, energy = row
    return Facts(accept, int(steps), int(depth), bool(diverging), energy)
