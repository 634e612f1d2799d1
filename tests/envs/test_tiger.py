"""The tiger behind the doors: what is heard and found, and Gymnasium's own checks."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from pyro_activeinf.envs import Tiger, register
from pyro_activeinf.envs.tiger import GOLD, LISTEN, NOTHING, OPEN_LEFT, OPEN_RIGHT, TIGER, Situation
from tests.envs.chances import assert_same_distribution, reset_distribution, step_distribution


def started(tiger: int | None = None, seed: int = 0, **arguments: Any) -> Tiger:
    env = Tiger(**arguments)
    env.reset(seed=seed, options=None if tiger is None else {"tiger": tiger})
    return env


def told(observation: dict[str, Any], info: dict[str, Any]) -> tuple[int, int, int]:
    return info["tiger"], observation["growl"], observation["outcome"]


@pytest.mark.parametrize("render_mode", [None, "ansi"])
def test_gymnasiums_own_checks_pass_without_a_warning(render_mode: str | None) -> None:
    register()
    env = gym.make("pyro_activeinf/Tiger-v0", render_mode=render_mode)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=False)


def test_at_the_start_the_tiger_is_anywhere_and_the_growl_tells_nothing() -> None:
    quarters = {(tiger, growl, NOTHING): 0.25 for tiger in range(2) for growl in range(2)}
    assert_same_distribution(reset_distribution(Tiger(), told), quarters)


@pytest.mark.parametrize("tiger", [0, 1])
@pytest.mark.parametrize("before", [(), (LISTEN,)])
def test_listening_tells_where_the_tiger_is(tiger: int, before: tuple[int, ...]) -> None:
    found = step_distribution(Tiger(), LISTEN, told, {"tiger": tiger}, before)
    truth = {(tiger, tiger, NOTHING): 0.85, (tiger, 1 - tiger, NOTHING): 0.15}
    assert_same_distribution(found, truth)


@pytest.mark.parametrize(
    ("tiger", "action", "outcome"),
    [(0, OPEN_LEFT, TIGER), (0, OPEN_RIGHT, GOLD), (1, OPEN_LEFT, GOLD), (1, OPEN_RIGHT, TIGER)],
)
def test_a_door_shows_the_tiger_or_gold_and_the_growl_tells_nothing(
    tiger: int, action: int, outcome: int
) -> None:
    found = step_distribution(Tiger(), action, told, {"tiger": tiger})
    assert_same_distribution(found, {(tiger, 0, outcome): 0.5, (tiger, 1, outcome): 0.5})


@pytest.mark.parametrize("door", [OPEN_LEFT, OPEN_RIGHT])
def test_after_a_door_was_opened_the_tiger_is_placed_anew(door: int) -> None:
    found = step_distribution(Tiger(accuracy=1.0), LISTEN, told, {"tiger": 0}, (door,))
    assert_same_distribution(found, {(0, 0, NOTHING): 0.5, (1, 1, NOTHING): 0.5})


def test_in_the_long_run_growls_are_right_as_often_as_promised() -> None:
    env, count = started(1, accuracy=0.7), 4000
    right = sum(env.step(LISTEN)[0]["growl"] for _ in range(count))

    assert abs(right - 0.7 * count) < 5 * (count * 0.21) ** 0.5


def test_the_reward_is_that_of_the_outcome() -> None:
    env = started(0, rewards=(-2, 3, -5))

    assert [env.step(action)[1] for action in (LISTEN, OPEN_LEFT)] == [-2.0, -5.0]
    env.reset(options={"tiger": 0})
    assert env.step(OPEN_RIGHT)[1] == 3.0


def test_an_episode_goes_on_for_ever() -> None:
    env = started()

    assert {env.step(action % 3)[2:4] for action in range(100)} == {(False, False)}


def test_a_seed_reproduces_everything() -> None:
    def told_in_turn(seed: int) -> list[Any]:
        env = Tiger()
        return [env.reset(seed=seed), *(env.step(action % 3) for action in range(50))]

    assert told_in_turn(3) == told_in_turn(3)
    assert told_in_turn(3) != told_in_turn(4)


def test_the_option_leaves_the_other_random_numbers_as_they_are() -> None:
    drawn, given = Tiger(), Tiger()
    _, info = drawn.reset(seed=5)
    given.reset(seed=5, options={"tiger": info["tiger"]})

    assert [drawn.step(LISTEN) for _ in range(50)] == [given.step(LISTEN) for _ in range(50)]


def test_a_situation_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Situation(0, None, 0).tiger = 1  # type: ignore[misc]


@pytest.mark.parametrize(("action", "error"), [(3, ValueError), (-1, ValueError), (0.0, TypeError)])
def test_a_wrong_action_is_named_and_changes_nothing(action: Any, error: type[Exception]) -> None:
    env, twin = started(), started()
    with pytest.raises(error, match=r"`action`: expected an integer, got .* 2 \(open right\)"):
        env.step(action)

    assert [env.step(LISTEN) for _ in range(20)] == [twin.step(LISTEN) for _ in range(20)]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"tiger": 2}, ValueError, r"`options\['tiger'\]`: .*got 2\..*1 \(right\)"),
        ({"tiger": "left"}, TypeError, r"`options\['tiger'\]`: .*got 'left'"),
        ({"lion": 1}, ValueError, r"`options`: expected the key 'tiger' only, got \['lion'\]"),
    ],
)
def test_a_wrong_option_is_named_and_changes_nothing(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    env, twin = started(), started()
    with pytest.raises(error, match=text):
        env.reset(seed=9, options=options)

    assert [env.step(LISTEN) for _ in range(20)] == [twin.step(LISTEN) for _ in range(20)]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"accuracy": 1.2}, ValueError, "`accuracy`: expected a probability, got 1.2"),
        ({"accuracy": "high"}, TypeError, "`accuracy`: expected a probability, got 'high'"),
        ({"rewards": (1, 2)}, ValueError, "`rewards`: expected 3 numbers .nothing, gold, tiger"),
        ({"rewards": (1, 2, None)}, TypeError, "`rewards`: expected a finite number, got None"),
        ({"render_mode": "human"}, ValueError, "`render_mode`: .*'ansi'.*got 'human'"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        Tiger(**arguments)


def test_a_step_before_the_first_reset_asks_for_it() -> None:
    with pytest.raises(ResetNeeded, match=r"got none\. Call env\.reset\(\)"):
        Tiger().step(LISTEN)


def test_the_picture_shows_the_doors_and_what_was_observed() -> None:
    env = started(1, render_mode="ansi", accuracy=1.0)
    start = str(env.render())
    env.step(LISTEN)

    assert start.startswith(" left   right\n [   ]  [ T ]\nlast: none, growl: ")
    assert env.render() == (
        " left   right\n [   ]  [ T ]\nlast: listen, growl: right, outcome: nothing"
    )
    env.step(OPEN_LEFT)
    assert str(env.render()).endswith("outcome: gold")


def test_no_picture_without_render_mode_or_reset() -> None:
    assert started().render() is None
    assert Tiger(render_mode="ansi").render() is None


def test_many_worlds_step_as_one() -> None:
    register()
    envs = gym.make_vec("pyro_activeinf/Tiger-v0", num_envs=3, vectorization_mode="sync")
    envs.reset(seed=0, options={"tiger": 1})
    observation, rewards, *_ = envs.step(np.array([LISTEN, OPEN_LEFT, OPEN_RIGHT]))

    assert observation["outcome"].tolist() == [NOTHING, GOLD, TIGER]
    assert rewards.tolist() == [-1.0, 10.0, -100.0]
