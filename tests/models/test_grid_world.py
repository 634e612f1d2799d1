"""The model of grid worlds against the world itself, and agents that find their way."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyro_activeinf import Agent, envs, rollout
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import GridWorld
from pyro_activeinf.planning import OpenLoop, Sophisticated
from tests.envs.chances import assert_same_distribution, reset_distribution, step_distribution
from tests.models.steps import Steps

MAP = """
S.#.
.#.G
S...
"""


def told(observation: dict[str, Any], info: dict[str, Any]) -> tuple[int, int, int]:
    return info["location"], observation["position"], observation["reward"]


@pytest.mark.parametrize(("noise", "accuracy"), [(0.0, 1.0), (0.25, 0.75), (1.0, 0.0)])
def test_the_model_is_that_of_its_world(noise: float, accuracy: float) -> None:
    chances: dict[str, Any] = {"noise": noise, "accuracy": accuracy}
    steps = Steps(GridWorld.from_text(MAP, **chances))
    env = envs.GridWorld.from_text(MAP, **chances)
    expected = {(*state, *seen): p for (state, seen), p in steps.first().items()}
    assert_same_distribution(reset_distribution(env, told), expected)
    for start in np.ndindex(env.sizes):
        if start in env.walls or start in env.goals:
            continue
        cell = start[0] * 4 + start[1]
        for action in range(4):
            found = step_distribution(env, action, told, {"start": start}, parts=4)
            truth = steps.after((cell,), action)
            assert_same_distribution(found, {(*s, *seen): p for (s, seen), p in truth.items()})


@st.composite
def maps(draw: st.DrawFn) -> str:
    """A random map with a start and a goal at least."""
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(2, 4))
    symbols = draw(
        st.lists(st.sampled_from(".#SG"), min_size=rows * columns, max_size=rows * columns)
    )
    first, second = draw(st.permutations(range(rows * columns)))[:2]
    symbols[first], symbols[second] = "S", "G"
    return "\n".join("".join(symbols[i : i + columns]) for i in range(0, rows * columns, columns))


@settings(max_examples=30)
@given(maps())
def test_model_and_world_read_maps_alike(text: str) -> None:
    model, world = GridWorld.from_text(text), envs.GridWorld.from_text(text)
    for name in ("sizes", "walls", "starts", "goals"):
        assert getattr(model, name) == getattr(world, name)
    again = GridWorld(**envs.read_map(text))
    assert torch.equal(again.moved, model.moved)


def test_a_goal_is_not_left() -> None:
    steps = Steps(GridWorld.from_text("SG.", noise=0.3))
    for action in range(4):
        assert {state: p for (state, _), p in steps.after((1,), action).items()} == {(1,): 1.0}


def test_the_shortest_way_is_planned() -> None:
    """Six moves around the wall; being at the goal is worth one nat a step."""
    exact = ExactFilter(GridWorld.from_text("S#G\n.#.\n..."))
    for horizon, value in [(5, 0.0), (6, 1.0), (8, 3.0)]:
        planner = Sophisticated(horizon, precision=math.inf, terms={"pragmatic"})
        found = -float(planner(exact, exact.initial()).expected_free_energy.min())
        assert found == pytest.approx(value)


def test_an_agent_that_does_not_know_where_it_is_finds_out_and_arrives() -> None:
    """Three starts, slippery ground and a sensor that is wrong half of the time."""
    text = "S...\n.##.\nS..G\nS..."
    chances: dict[str, Any] = {"noise": 0.2, "accuracy": 0.5}
    model = GridWorld.from_text(text, **chances)
    env = gym.make("pyro_activeinf/GridWorld-v0", **envs.read_map(text), **chances)
    agent = Agent(model, planner=OpenLoop(5), action_precision=math.inf)
    run = rollout(agent, env, episodes=10, progress=False, keep_policies=False)
    assert float(run.rewards.nansum()) == 10
    ends = run.observations["reward"] == 1
    assert int(ends.sum()) == 10
    assert (run.beliefs["location"][ends][:, 11] == 1).all()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"rows": 0}, "`rows`: expected an integer of at least 1"),
        ({"noise": -0.1}, "`noise`: expected a probability from 0 to 1, got -0.1"),
        ({"accuracy": 2}, "`accuracy`: expected a probability"),
        ({"walls": [(0, 4)]}, r"`walls`: expected different cells from \(0, 0\) to \(3, 3\)"),
        ({"starts": [(0, 0), (0, 0)]}, "`starts`: expected different cells"),
        ({"starts": []}, "`starts`: expected at least one cell, got none"),
        ({"goals": []}, "`goals`: expected at least one cell, got none"),
        ({"goals": [(0, 0)]}, r"`starts`: expected cells that are nothing else, got \[\(0, 0\)\]"),
        ({"walls": [(0, 0)]}, "`starts`: expected cells that are nothing else"),
        ({"walls": [(3, 3)]}, "`goals`: expected cells that are nothing else"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        GridWorld(**arguments)


@pytest.mark.parametrize("text", ["", "S.\nG", "S.\nGx"])
def test_wrong_maps_are_explained(text: str) -> None:
    with pytest.raises(ValueError, match=r"`text`: expected lines of one length, of '\.' and"):
        GridWorld.from_text(text)
