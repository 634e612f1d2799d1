"""Reversal learning: how often what is rewarded, when it reverses, and Gymnasium's own checks."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from pyro_activeinf.envs import ReversalLearning, register
from tests.envs.chances import assert_same_distribution, reset_distribution, step_distribution


def told(observation: dict[str, Any], info: dict[str, Any]) -> tuple[int, int]:
    return info["better"], observation["outcome"]


def reversals(env: ReversalLearning, right: bool, trials: int) -> list[int]:
    """The trials before which the better action changes, for one who is always right (wrong)."""
    _, info = env.reset(seed=0)
    found = []
    for trial in range(1, trials + 1):
        better = info["better"]
        info = env.step(better if right else 1 - better)[4]
        assert info["reversal"] == (info["better"] != better)
        if info["reversal"]:
            found.append(trial)
    return found


def test_gymnasiums_own_checks_pass_without_a_warning() -> None:
    register()
    env = gym.make("pyro_activeinf/ReversalLearning-v0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)


def test_at_the_start_any_action_is_the_better_one() -> None:
    thirds = {(better, -1): 1 / 3 for better in range(3)}
    assert_same_distribution(reset_distribution(ReversalLearning(actions=3), told), thirds)


@pytest.mark.parametrize(("action", "chance"), [(0, 0.3), (1, 0.75)])
def test_the_better_action_is_rewarded_more_often(action: int, chance: float) -> None:
    env = ReversalLearning(good=0.75, bad=0.3)
    found = step_distribution(env, action, told, {"better": 1})
    assert_same_distribution(found, {(1, 1): chance, (1, 0): 1 - chance})


def test_the_next_better_action_is_any_of_the_others() -> None:
    env = ReversalLearning(good=1.0, bad=0.0, least=1, actions=4)
    found = step_distribution(env, 2, told, {"better": 2})
    assert_same_distribution(found, {(better, 1): 1 / 3 for better in (0, 1, 3)})


def test_blocks_have_their_length() -> None:
    assert reversals(ReversalLearning(least=7), right=False, trials=22) == [7, 14, 21]
    found = reversals(ReversalLearning(least=2, most=5, trials=500), right=True, trials=500)
    gaps = {after - before for before, after in itertools.pairwise(found)}
    assert gaps == {2, 3, 4, 5}


def test_the_criterion_ends_blocks() -> None:
    env = ReversalLearning(criterion=4, least=1)
    assert reversals(env, right=True, trials=12) == [4, 8, 12]
    assert reversals(env, right=False, trials=12) == []


def test_an_episode_has_its_trials() -> None:
    env = ReversalLearning(trials=2)
    env.reset(seed=0)
    assert [env.step(0)[2] for _ in range(2)] == [False, True]
    with pytest.raises(ResetNeeded, match="one that ended with trial 2"):
        env.step(0)
    with pytest.raises(ResetNeeded, match="expected an episode under way, got none"):
        ReversalLearning().step(0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"good": 1.5}, "`good`: expected a probability"),
        ({"least": 5, "most": 3}, "`most`: expected at least 5, got 3"),
        ({"actions": 1}, "`actions`: expected two or more"),
        ({"criterion": 0}, "`criterion`: expected a count"),
    ],
)
def test_what_is_no_world_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReversalLearning(**wrong)


def test_the_better_action_can_be_given() -> None:
    assert ReversalLearning().reset(seed=0, options={"better": 0})[1]["better"] == 0
    with pytest.raises(ValueError, match=r"options\['better'\]"):
        ReversalLearning().reset(options={"better": 2})
