"""The tiger model against its world, and against the known values of the problem."""

from __future__ import annotations

import itertools
import math
from typing import Any

import gymnasium as gym
import pytest
import torch

from pyro_activeinf import Agent, envs, rollout
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import Tiger
from pyro_activeinf.planning import Sophisticated
from tests.envs.chances import assert_same_distribution, reset_distribution, step_distribution
from tests.models.steps import Steps

REWARDS = (-1.0, 10.0, -100.0)
UNTOUCHED = 3


def told(observation: dict[str, Any], info: dict[str, Any]) -> tuple[int, int, int]:
    return info["tiger"], observation["growl"], observation["outcome"]


@pytest.mark.parametrize("accuracy", [0.5, 0.85, 1.0])
def test_the_model_is_that_of_its_world(accuracy: float) -> None:
    steps, env = Steps(Tiger(accuracy)), envs.Tiger(accuracy)
    expected = {(s[0], *seen): p for (s, seen), p in steps.first().items()}
    assert_same_distribution(reset_distribution(env, told), expected)
    for tiger, door, action in itertools.product(range(2), range(4), range(3)):
        before = () if door == UNTOUCHED else (door,)
        found = step_distribution(env, action, told, {"tiger": tiger}, before)
        truth = {(s[0], *seen): p for (s, seen), p in steps.after((tiger, door), action).items()}
        assert_same_distribution(found, truth)


def test_the_first_growl_tells_nothing() -> None:
    exact = ExactFilter(Tiger())
    belief = exact.update(exact.initial(), {"growl": 1, "outcome": 0})
    assert belief.marginals["tiger"].probs.tolist() == [0.5, 0.5]


def test_undiscounted_values_are_the_known_ones() -> None:
    exact = ExactFilter(Tiger())
    known = [-1, -2, 2.72, 2.42125, 3.60915, 5.61882, 6.24635, 7.09662]
    for horizon, value in enumerate(known, start=1):
        planner = Sophisticated(horizon, precision=math.inf, terms={"pragmatic"})
        found = -float(planner(exact, exact.initial()).expected_free_energy.min())
        assert found == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_far_ahead_the_discounted_value_is_the_known_one(scale: float) -> None:
    """19.3713684 from the start on, which the first, idle growl does not change."""
    exact = ExactFilter(Tiger(reward_scale=scale))
    start = exact.update(exact.initial(), {"growl": 0, "outcome": 0})
    posterior = Sophisticated(200, 0.95, math.inf, terms={"pragmatic"})(exact, start)
    assert -float(posterior.expected_free_energy.min()) == pytest.approx(
        19.3713684 * scale, abs=1e-3
    )
    assert posterior.action_probs.tolist() == [1.0, 0.0, 0.0]


def test_an_agent_lives_in_the_world() -> None:
    planner = Sophisticated(20, 0.95, math.inf, terms={"pragmatic"})
    agent = Agent(Tiger(), planner=planner, action_precision=math.inf)
    env = gym.make("pyro_activeinf/Tiger-v0", max_episode_steps=200)
    run = rollout(agent, env, episodes=1, progress=False, keep_policies=False)
    outcomes = run.observations["outcome"][1:].long()
    assert torch.equal(run.rewards[:-1], torch.tensor(REWARDS)[outcomes])
    opened = run.actions[:-1] > 0
    assert torch.equal(opened, outcomes > 0)
    assert not opened[0]
    # A door is opened after two growls more from one side than the other: right in 97 %.
    assert 20 < int(opened.sum()) < 80
    assert int((outcomes == 2).sum()) < 10


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"accuracy": 1.5}, "`accuracy`: expected a probability from 0 to 1, got 1.5"),
        ({"rewards": (1.0, 2.0)}, "`rewards`: expected a finite number for each of"),
        ({"rewards": (1.0, 2.0, math.inf)}, "`rewards`"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Tiger(**arguments)


def test_the_model_follows_its_dtype() -> None:
    exact = ExactFilter(Tiger().to(torch.float32))
    assert exact.initial().probs.dtype == torch.float32
