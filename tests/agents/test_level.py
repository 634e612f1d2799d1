"""Levels, and what they are told where they are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pyro_activeinf import Agent, HierarchicalAgent
from pyro_activeinf.agents import Level
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import RoomLegs, RoomWalk
from pyro_activeinf.planning import OpenLoop

AGENT = Agent(RoomWalk(), planner=OpenLoop(1))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"model": AGENT}, r"`model`.*Of an Agent, give Level\(agent.model"),
        ({"model": ExactFilter(RoomWalk())}, "`model`: expected a model with initial"),
        ({"model": RoomWalk(), "filter": "exact"}, "`filter`: expected a filter of the model"),
        ({"model": RoomWalk(), "until": 3}, "`until`: expected a function of the own belief"),
    ],
)
def test_what_is_no_level_is_refused(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(TypeError, match=f"(?s){told}"):
        Level(**arguments)


def test_a_filter_of_another_model_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"`filter`: expected .* a RoomWalk, got one of a RoomLegs"
    ):
        Level(RoomWalk(), filter=ExactFilter(RoomLegs()))


@pytest.mark.parametrize("told", [True, np.array([True, True]), torch.tensor([True, True])])
def test_a_condition_ends_a_step_early(told: Any) -> None:
    level = Level(RoomWalk(), steps_per_update=3, until=lambda _: told)
    belief = ExactFilter(RoomWalk()).initial((2,))
    assert level.over(torch.tensor([1, 2]), belief).tolist() == [True, True]


@pytest.mark.parametrize(
    "told", [None, "no", torch.tensor([0.2, 0.9]), torch.tensor([True]), torch.ones(2, 2).bool()]
)
def test_a_condition_tells_truth_values(told: Any) -> None:
    level = Level(RoomWalk(), until=lambda _: told)
    belief = ExactFilter(RoomWalk()).initial((2,))
    with pytest.raises(ValueError, match=r"`until`: expected a truth value, or one for each.*\(2,"):
        level.over(torch.tensor([1, 1]), belief)


@pytest.mark.parametrize("action", [{1: 0, 3: 0}, {0: 1}, {"level1": 0}])
def test_actions_are_of_levels_that_there_are(action: dict[Any, int]) -> None:
    agent = HierarchicalAgent([RoomWalk(), RoomLegs()])
    belief = agent.perceive({"position": 3, "reward": 0})
    with pytest.raises(ValueError, match=r"`action`: expected numbers of levels from 1"):
        agent.perceive({"position": 3, "reward": 0}, action)
    assert agent.belief is belief
