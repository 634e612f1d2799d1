"""The model of RockSample against the world itself, and an agent that plans in it."""

from __future__ import annotations

import itertools
import math
from typing import Any

import gymnasium as gym
import pytest
import torch

from pyro_activeinf import Agent, envs, rollout
from pyro_activeinf.compile import compile_program
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import RockSample
from pyro_activeinf.planning import Sophisticated
from tests.envs.chances import assert_same_distribution, reset_distribution, step_distribution
from tests.models.steps import State, Steps

PARTS = 200
SMALL: dict[str, Any] = {
    "n": 3,
    "k": 2,
    "rocks": [(1, 2), (2, 0)],
    "start": (0, 1),
    "half_distance": 1.5,
}


def told(observation: dict[str, Any], info: dict[str, Any]) -> tuple[int, ...]:
    seen = (observation[name] for name in ("position", "reading", "outcome"))
    return (*map(int, info["rocks"]), *seen)


def test_the_model_is_that_of_its_world() -> None:
    """From every state in which the rover is on the grid, under every action."""
    model, env = RockSample(**SMALL), envs.RockSample(**SMALL)
    steps, k = Steps(model), model.k
    expected = {(*state[:k], *seen): p for (state, seen), p in steps.first().items()}
    assert_same_distribution(reset_distribution(env, told), expected)
    for *rocks, cell in itertools.product(range(2), range(2), range(9)):
        options = {"rocks": [bool(rock) for rock in rocks], "start": (cell % 3, cell // 3)}
        alike = [r for r, at in enumerate(model.position.tolist()) if at == cell]
        for action in range(7):
            found = step_distribution(env, action, told, options, parts=PARTS)
            for rover in alike:  # what the last action brought makes no difference
                truth = steps.after((*rocks, rover), action)
                expected = {(*s[:k], *seen): p for (s, seen), p in truth.items()}
                assert_same_distribution(found, expected, off_by=0.5 / PARTS)


def test_after_the_exit_nothing_happens() -> None:
    steps = Steps(RockSample(**SMALL))
    left, gone = 22, 23

    def seen_after(state: State, action: int) -> dict[tuple[int, ...], float]:
        return {seen: p for (_, seen), p in steps.after(state, action).items()}

    assert seen_after((0, 1, 2), 1) == {(9, 0, 3): 1.0}
    for rover, action in itertools.product((left, gone), range(7)):
        assert steps.after((0, 1, rover), action) == {((0, 1, gone), (9, 0, 0)): 1.0}


@pytest.mark.parametrize(("n", "k"), [(4, 4), (5, 5), (5, 7), (7, 8), (6, 3), (3, 9)])
def test_model_and_world_have_the_same_layouts(n: int, k: int) -> None:
    model, world = RockSample(n, k), envs.RockSample(n, k)
    for name in ("n", "rocks", "start", "half_distance"):
        assert getattr(model, name) == getattr(world, name)
    assert len(set(model.rocks)) == k
    assert torch.equal(model.rewards, torch.tensor(world.rewards))


def test_the_joint_state_stays_small() -> None:
    tables = compile_program(RockSample(4, 4))
    assert tables.joint_size == 672
    moves = {t.variable.name: tuple(t.log_probs.shape) for t in tables.transition}
    assert moves["rock_1"] == (2, 42, 9, 2)
    assert moves["rover"] == (2, 2, 2, 2, 42, 9, 42)


def test_preferences_are_the_rewards() -> None:
    model = RockSample(2, 1, rocks=[(0, 0)], rewards=(5.0, -7.0, 3.0), reward_scale=0.5)
    preferences = dict(zip(model.to_arrays().observation_names, model.to_arrays().C, strict=True))
    assert preferences["outcome"].tolist() == [0.0, 2.5, -3.5, 1.5]
    assert not preferences["position"].any()
    assert not preferences["reading"].any()


@pytest.mark.parametrize(("half_distance", "way_out_of_a_bad_rock"), [(1e9, 3), (1e-3, 5)])
def test_a_remote_sensor_saves_the_way(half_distance: float, way_out_of_a_bad_rock: int) -> None:
    """A rock two moves off the way out, which is two moves long: look first, or there.

    Either way a good rock is taken by the fourth action, and the exit by the sixth. A bad rock
    costs one action where it is seen to be bad from the start, and three where one has to go there.
    """
    model = RockSample(
        3, 1, rocks=[(1, 2)], start=(1, 0), half_distance=half_distance, rewards=(10.0, -10.0, 1.0)
    )
    exact = ExactFilter(model)
    planner = Sophisticated(6, 0.9, math.inf, terms={"pragmatic"})
    found = -float(planner(exact, exact.initial()).expected_free_energy.min())
    good, bad = 10 * 0.9**3 + 0.9**5, 0.9 ** (way_out_of_a_bad_rock - 1)
    assert found == pytest.approx((good + bad) / 2, abs=1e-6)


def test_an_agent_earns_what_it_expects() -> None:
    arguments: dict[str, Any] = {
        "n": 2,
        "k": 1,
        "rocks": [(0, 0)],
        "start": (0, 1),
        "half_distance": 1.0,
    }
    model = RockSample(**arguments)
    planner = Sophisticated(8, 0.95, math.inf, terms={"pragmatic"})
    agent = Agent(model, planner=planner, action_precision=math.inf)
    exact = agent.filter
    expected = -float(planner(exact, exact.initial()).expected_free_energy.min())
    env = gym.make("pyro_activeinf/RockSample-v0", **arguments)
    run = rollout(agent, env, episodes=100, progress=False, keep_policies=False)
    returns = discounted(run.rewards, run.episode, 0.95)
    spread = float(returns.std()) / 10
    assert abs(float(returns.mean()) - expected) < 4 * spread


def discounted(rewards: torch.Tensor, episode: torch.Tensor, discount: float) -> torch.Tensor:
    """The discounted return of each episode."""
    found = []
    for e in episode.unique():
        each = rewards[episode == e]
        each = each[~each.isnan()]
        found.append((each * discount ** torch.arange(len(each))).sum())
    return torch.stack(found)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"n": 0}, "`n`: expected an integer of at least 1"),
        ({"k": 1.5}, "`k`: expected an integer of at least 1"),
        ({"n": 2, "k": 5}, "`k`: expected at most 4 rocks on 2 x 2 cells, got 5"),
        ({"rocks": [(0, 0)]}, "`rocks`: expected k = 4 cells, got .* Set k too"),
        ({"k": 1, "rocks": [(0, 4)]}, "`rocks`: expected different cells"),
        ({"start": (-1, 0)}, "`start`: expected different cells"),
        ({"half_distance": 0.0}, "`half_distance`: expected a finite number above 0, got 0.0"),
        ({"rewards": (1.0,)}, "`rewards`: expected a finite number for each of"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        RockSample(**arguments)
