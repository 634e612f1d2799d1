"""The T-maze against the literature's arrays, the laws of chance and Gymnasium's own checks."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from pyro_activeinf.envs import TMaze, register
from pyro_activeinf.envs.tmaze import CENTER, CUE, LEFT, LOSS, NOTHING, REWARD, RIGHT, Trial

CONTEXTS = (0, 1)
LOCATIONS = (CENTER, LEFT, RIGHT, CUE)

# Next location by action (row) and location (column): the arrays B{1} of SPM's DEM_demo_MDP_X.m.
NEXT_LOCATION = (
    (CENTER, LEFT, RIGHT, CENTER),
    (LEFT, LEFT, RIGHT, LEFT),
    (RIGHT, LEFT, RIGHT, RIGHT),
    (CUE, LEFT, RIGHT, CUE),
)
# Position observed by context (row) and location (column): its arrays A{1}.
POSITION = ((0, 1, 2, 3), (0, 1, 2, 4))


def started(context: int | None = None, seed: int = 0, **arguments: Any) -> TMaze:
    env = TMaze(**arguments)
    env.reset(seed=seed, options=None if context is None else {"context": context})
    return env


def trials(env: TMaze, seed: int, actions: Sequence[int] = (CUE, LEFT)) -> list[tuple[Any, ...]]:
    """Everything that an agent is told in thirty trials."""
    told: list[tuple[Any, ...]] = [env.reset(seed=seed)]
    for _ in range(30):
        told.append(env.reset())
        told += [env.step(action) for action in actions]
    return told


def assert_binomial(successes: int, trials: int, probability: float) -> None:
    """Within five standard deviations (and exactly, where the probability is 0 or 1)."""
    bound = 5 * math.sqrt(trials * probability * (1 - probability))
    assert abs(successes - trials * probability) <= bound


@pytest.mark.parametrize("render_mode", [None, "ansi"])
@pytest.mark.parametrize("moves", [1, 2, 7])
def test_gymnasiums_own_checks_pass_without_a_warning(render_mode: str | None, moves: int) -> None:
    register()
    env = gym.make("pyro_activeinf/TMaze-v0", moves=moves, render_mode=render_mode)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=False)

    assert env.spec is not None  # without it, the check would leave the render modes out


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_trial_starts_at_the_center_with_nothing(context: int) -> None:
    observation, info = TMaze().reset(seed=0, options={"context": context})

    assert observation == {"position": CENTER, "reward": NOTHING}
    assert info == {"context": context, "location": CENTER}


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize("action", LOCATIONS)
def test_moves_and_positions_are_those_of_the_literature(
    context: int, location: int, action: Any
) -> None:
    env = started(context)
    env.step(location)  # the center is next to everything
    observation, _, _, _, info = env.step(action)

    assert info == {"context": context, "location": NEXT_LOCATION[action][location]}
    assert observation["position"] == POSITION[context][info["location"]]


@pytest.mark.parametrize("arm", [LEFT, RIGHT])
def test_arms_are_absorbing(arm: int) -> None:
    env = started(moves=100)
    env.step(arm)
    actions = np.random.default_rng(0).integers(4, size=99)

    assert {env.step(action)[0]["position"] for action in actions} == {arm}


def test_the_cue_is_always_right() -> None:
    env = TMaze(validity=0.5)
    env.reset(seed=0)
    seen = set()
    for _ in range(100):
        observation, reward, _, _, info = env.step(CUE)
        seen.add((info["context"], observation["position"], observation["reward"], reward))
        env.reset()

    assert seen == {(0, 3, NOTHING, 0.0), (1, 4, NOTHING, 0.0)}


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("arm", [LEFT, RIGHT])
@pytest.mark.parametrize("validity", [0.0, 0.3, 0.98, 1.0])
def test_every_outcome_in_an_arm_is_drawn_by_the_validity(
    context: int, arm: int, validity: float
) -> None:
    moves = 5000
    env = started(context, validity=validity, moves=moves)
    outcomes = [env.step(arm)[0]["reward"] for _ in range(moves)]
    rewarded = outcomes.count(REWARD)

    assert rewarded + outcomes.count(LOSS) == moves
    assert_binomial(rewarded, moves, validity if arm == LEFT + context else 1 - validity)


def test_the_first_outcomes_of_trials_follow_the_validity_too() -> None:
    env, count, rewarded = TMaze(validity=0.9), 2000, 0
    env.reset(seed=0)
    for _ in range(count):
        _, info = env.reset()
        rewarded += env.step(LEFT + info["context"])[0]["reward"] == REWARD

    assert_binomial(rewarded, count, 0.9)


def test_contexts_are_drawn_uniformly() -> None:
    env = TMaze()
    env.reset(seed=0)
    count = 4000

    assert_binomial(sum(env.reset()[1]["context"] for _ in range(count)), count, 0.5)


def test_the_context_stays_within_a_trial() -> None:
    env = started(moves=200)
    _, info = env.reset()
    actions = [CUE, CENTER] * 100

    assert {env.step(action)[4]["context"] for action in actions} == {info["context"]}


def test_the_reward_is_the_sign_of_the_outcome() -> None:
    env = started(validity=0.5, moves=50)
    steps = [env.step(action) for action in [CENTER, CUE] + 48 * [LEFT]]
    pairs = {(observation["reward"], reward) for observation, reward, *_ in steps}

    assert pairs == {(NOTHING, 0.0), (REWARD, 1.0), (LOSS, -1.0)}


@pytest.mark.parametrize("moves", [1, 2, 5])
def test_a_trial_terminates_after_its_last_move(moves: int) -> None:
    env = started(moves=moves)
    ends = [env.step(CENTER)[2:4] for _ in range(moves)]

    assert ends == [(False, False)] * (moves - 1) + [(True, False)]


def test_everything_returned_lies_in_the_spaces() -> None:
    env = TMaze(validity=0.5)
    seen = trials(env, 0, (CUE, RIGHT))

    assert all(step[0] in env.observation_space for step in seen)


def test_a_seed_reproduces_the_trials() -> None:
    assert trials(TMaze(), 3) == trials(TMaze(), 3)
    assert trials(TMaze(), 3) != trials(TMaze(), 4)


def test_two_worlds_share_no_state() -> None:
    one, two = TMaze(moves=40), TMaze(moves=40)
    one.reset(seed=1)
    two.reset(seed=2)
    together = [(one.step(LEFT), two.step(RIGHT)) for _ in range(40)]
    alone = started(seed=1, moves=40)

    assert [steps[0] for steps in together] == [alone.step(LEFT) for _ in range(40)]
    assert one.action_space is not two.action_space
    assert one.observation_space is not two.observation_space


def test_the_global_random_numbers_play_no_part() -> None:
    np.random.seed(0)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    trials(TMaze(), 0)

    assert np.random.random() == expected  # noqa: NPY002


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_context_option_holds_for_one_trial(context: int) -> None:
    env = TMaze()
    given = {env.reset(seed=i, options={"context": context})[1]["context"] for i in range(20)}
    drawn = {env.reset()[1]["context"] for _ in range(20)}

    assert given == {context}
    assert drawn == {0, 1}


def test_the_context_option_leaves_the_other_random_numbers_as_they_are() -> None:
    drawn, given = TMaze(validity=0.5, moves=50), TMaze(validity=0.5, moves=50)
    _, info = drawn.reset(seed=5)
    given.reset(seed=5, options={"context": info["context"]})

    assert [drawn.step(LEFT) for _ in range(50)] == [given.step(LEFT) for _ in range(50)]


def test_actions_may_be_any_integers() -> None:
    twin = started().step(3)

    assert started().step(np.int64(3)) == twin
    assert started().step(np.array(3)) == twin


def test_a_trial_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Trial(context=0).location = CUE  # type: ignore[misc]


@pytest.mark.parametrize(("action", "error"), [(4, ValueError), (-1, ValueError), (1.0, TypeError)])
def test_a_wrong_action_is_named_and_changes_nothing(action: Any, error: type[Exception]) -> None:
    env, twin = started(moves=20), started(moves=20)
    with pytest.raises(error, match=r"`action`: expected an integer, got .* 3 \(cue\)"):
        env.step(action)

    assert [env.step(LEFT) for _ in range(20)] == [twin.step(LEFT) for _ in range(20)]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"context": 2}, ValueError, r"`options\['context'\]`: .*got 2\..*1 \(reward is right\)"),
        (
            {"context": "left"},
            TypeError,
            r"`options\['context'\]`: .*got 'left'",
        ),
        ({"kontext": 1}, ValueError, r"`options`: expected the key 'context' only, got"),
    ],
)
def test_a_wrong_option_is_named_and_changes_nothing(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    env, twin = started(moves=20), started(moves=20)
    with pytest.raises(error, match=text):
        env.reset(seed=9, options=options)

    assert [env.step(LEFT) for _ in range(20)] == [twin.step(LEFT) for _ in range(20)]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"validity": 1.2}, ValueError, "`validity`: expected a probability, got 1.2"),
        ({"validity": "high"}, TypeError, "`validity`: expected a probability, got 'high'"),
        ({"moves": 0}, ValueError, "`moves`: expected a count, got 0"),
        ({"moves": 2.5}, TypeError, "`moves`: expected a count, got 2.5"),
        ({"render_mode": "human"}, ValueError, "`render_mode`: .*'ansi'.*got 'human'"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        TMaze(**arguments)


def test_a_step_before_the_first_trial_asks_for_reset() -> None:
    with pytest.raises(ResetNeeded, match=r"got none\. Call env\.reset\(\)"):
        TMaze().step(CUE)


def test_a_step_after_the_end_asks_for_reset_which_helps() -> None:
    env = started(moves=1)
    env.step(CUE)
    with pytest.raises(ResetNeeded, match=r"ended with move 1\. Call env\.reset\(\)"):
        env.step(CUE)
    env.reset()

    assert env.step(CUE)[2]


def test_the_picture_shows_agent_context_and_observation() -> None:
    env = started(1, render_mode="ansi")
    start = env.render()
    env.step(CUE)

    assert start == (
        "left [ ]---[@]---[ ] right\n"
        "            |\n"
        "           [ ] cue\n"
        "move 0 of 2, reward is right, seen: center, nothing"
    )
    assert env.render() == (
        "left [ ]---[ ]---[ ] right\n"
        "            |\n"
        "           [@] cue\n"
        "move 1 of 2, reward is right, seen: cue: reward is right, nothing"
    )


@pytest.mark.parametrize(("arm", "line"), [(LEFT, "left [@]-"), (RIGHT, "-[@] right")])
def test_the_picture_shows_the_agent_in_an_arm(arm: int, line: str) -> None:
    env = started(0, render_mode="ansi", validity=1.0)
    env.step(arm)
    picture = str(env.render())

    assert line in picture
    assert picture.endswith("left, reward" if arm == LEFT else "right, loss")


def test_no_picture_without_render_mode_or_trial() -> None:
    assert started().render() is None
    assert TMaze(render_mode="ansi").render() is None


def test_many_worlds_step_as_one() -> None:
    register()
    envs = gym.make_vec("pyro_activeinf/TMaze-v0", num_envs=3, vectorization_mode="sync")
    envs.reset(seed=0, options={"context": 1})
    observation, *_ = envs.step(np.array([CENTER, CUE, RIGHT]))

    assert observation["position"].tolist() == [0, 4, 2]
