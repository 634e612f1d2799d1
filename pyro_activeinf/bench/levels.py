"""A whole step of an agent with two levels, and our side of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ..agents import HierarchicalAgent, Level
from ..agents.floors import LevelState
from ..models import POMDP
from ..planning import OpenLoop, Planner, Variational
from .task import Timed

TICKS = 2  # steps of the lower level in one of the upper one


@dataclass(frozen=True)
class Levels:
    """How large each of two levels is."""

    states: int = 10
    actions: int = 3
    outcomes: int = 5
    svi: bool = True  # whether policies are scored by a step of SVI, or one by one

    def to_json(self, batch: int) -> dict[str, Any]:
        """The numbers by name."""
        return asdict(self)


def levels(size: Levels, horizon: int, precision: float) -> HierarchicalAgent:
    """Random models, the one above showing the state in which the one below begins."""
    random = torch.Generator().manual_seed(0)

    def model(outcomes: int, **names: Any) -> POMDP:
        A = torch.rand(outcomes, size.states, generator=random)
        B = torch.rand(size.states, size.states, size.actions, generator=random)
        C = torch.rand(outcomes, generator=random)
        start = torch.full((size.states,), 1 / size.states)
        return POMDP([A / A.sum(0)], [B / B.sum(0)], [C], [start], **names)

    low = model(size.outcomes, state_names=["place"], observation_names=["sight"])
    high = model(size.states, state_names=["theme"], observation_names=["place"])
    planner: Planner = OpenLoop(horizon, precision=precision)
    if size.svi:
        planner = Variational(horizon, steps=1, precision=precision)
    return HierarchicalAgent([Level(low, planner, steps_per_update=TICKS), Level(high, planner)])


class LevelStepping(Timed):
    """A whole step of an agent with two levels at which both act: perceive, plan twice, act."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        size = Levels(**problem["world"])
        self.actor = levels(size, problem["horizon"], problem["precision"])
        self.actor.reset(() if problem["batch"] == 1 else (problem["batch"],))
        self.actor.perceive({"sight": 0})
        self.states = self.actor.states

    def fresh(self) -> list[LevelState] | None:
        """All levels after the first observation."""
        return self.states

    def run(self, start: list[LevelState] | None) -> Tensor:
        """Take the first action as done, see what comes of it, and choose the next ones."""
        self.actor.states = start
        self.actor.perceive({"sight": 1}, action=torch.tensor(1))
        return self.actor.act()

    def outputs(self, result: Tensor, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """Nothing that another side computes as well."""
        return {}
