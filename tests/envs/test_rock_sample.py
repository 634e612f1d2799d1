"""RockSample: moves, samples and checks, the best way when looking only on the spot, and more."""

from __future__ import annotations

import dataclasses
import itertools
import math
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from pyro_activeinf.envs import RockSample, register
from pyro_activeinf.envs.rock_sample import SAMPLE, Situation
from tests.envs.chances import assert_same_distribution, reset_distribution, step_distribution

NORTH, EAST, SOUTH, WEST = range(4)
PARTS = 200
Cell = tuple[int, int]
Rocks = tuple[Cell, ...]


def started(options: dict[str, Any] | None = None, seed: int = 0, **arguments: Any) -> RockSample:
    env = RockSample(**arguments)
    env.reset(seed=seed, options=options)
    return env


def told(observation: dict[str, Any], info: dict[str, Any]) -> tuple[Any, ...]:
    return (*info["rocks"], *observation.values())


@pytest.mark.parametrize("render_mode", [None, "ansi"])
@pytest.mark.parametrize(("n", "k"), [(4, 4), (7, 8), (1, 1)])
def test_gymnasiums_own_checks_pass_without_a_warning(
    render_mode: str | None, n: int, k: int
) -> None:
    register()
    env = gym.make("pyro_activeinf/RockSample-v0", n=n, k=k, render_mode=render_mode)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=False)


def test_at_the_start_all_rocks_are_good_or_bad_alike() -> None:
    env = RockSample(3, 2, rocks=[(0, 0), (1, 1)], start=(2, 1))
    quarters = {(a, b, 5, 0, 0): 0.25 for a in (False, True) for b in (False, True)}
    assert_same_distribution(reset_distribution(env, told), quarters)


# Next position by cell (x, y) and move, on 2 x 2 cells; 4 is outside.
NEXT = {(0, 0): (2, 1, 0, 0), (1, 0): (3, 4, 1, 0), (0, 1): (2, 3, 0, 2), (1, 1): (3, 4, 1, 2)}


@pytest.mark.parametrize("cell", NEXT)
@pytest.mark.parametrize("action", range(4))
def test_moves_are_certain_and_end_in_the_east(cell: Cell, action: int) -> None:
    env = started({"start": cell}, n=2, k=1, rocks=[(0, 0)])
    observation, reward, terminated, truncated, _ = env.step(action)
    left = NEXT[cell][action] == 4

    assert observation == {"position": NEXT[cell][action], "reading": 0, "outcome": 3 * left}
    assert (reward, terminated, truncated) == (10.0 * left, left, False)


@pytest.mark.parametrize(("good", "outcome", "reward"), [(True, 1, 10.0), (False, 2, -10.0)])
def test_a_sample_brings_what_the_rock_is_and_spends_it(
    good: bool, outcome: int, reward: float
) -> None:
    env = started({"rocks": [True, good], "start": (1, 0)}, n=2, k=2, rocks=[(0, 0), (1, 0)])
    first, second = env.step(SAMPLE), env.step(SAMPLE)

    assert first[:2] == ({"position": 1, "reading": 0, "outcome": outcome}, reward)
    assert second[:2] == ({"position": 1, "reading": 0, "outcome": 2}, -10.0)
    assert first[4] == second[4] == {"rocks": [True, False]}


def test_where_there_is_no_rock_nothing_is_sampled() -> None:
    env = started({"rocks": [True], "start": (1, 1)}, n=2, k=1, rocks=[(0, 0)])
    observation, reward, _, _, info = env.step(SAMPLE)

    assert (observation["outcome"], reward, info) == (0, 0.0, {"rocks": [True]})


@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize(
    ("rock", "start", "right"), [(1, (0, 0), 1.0), (1, (2, 0), 0.75), (2, (0, 0), 0.625)]
)
def test_the_sensor_gets_worse_with_the_distance(
    good: bool, rock: int, start: Cell, right: float
) -> None:
    """Efficiency halves every two cells: right with certainty here, 3/4 at 2 and 5/8 at 4."""
    env = RockSample(5, 2, rocks=[(0, 0), (4, 0)], half_distance=2.0)
    options = {"rocks": [good, good], "start": start}
    found = step_distribution(env, SAMPLE + rock, told, options, parts=PARTS)
    truth = {(good, good, start[0], reading, 0): 1 - right for reading in range(2)}
    truth[good, good, start[0], 1 - good, 0] = right
    assert_same_distribution(found, truth)


def test_in_the_long_run_the_sensor_is_as_good_as_promised() -> None:
    env, count = started({"rocks": [True]}, n=3, k=1, rocks=[(2, 1)], half_distance=2.0), 4000
    bad = sum(env.step(SAMPLE + 1)[0]["reading"] for _ in range(count))

    assert abs(bad - 0.25 * count) < 5 * (count * 0.1875) ** 0.5


def test_the_instances_are_those_of_the_literature() -> None:
    four = RockSample(4, 4)
    assert (four.start, four.rocks) == ((0, 2), ((3, 1), (2, 1), (1, 3), (1, 0)))
    assert 2 ** (-1 / four.half_distance) == pytest.approx(math.exp(-1))
    seven = RockSample(7, 8)
    assert (seven.start, len(seven.rocks), seven.half_distance) == ((0, 3), 8, 20.0)


def test_other_instances_are_drawn_and_always_the_same() -> None:
    env = RockSample(6, 9)
    assert len(set(env.rocks)) == 9
    assert env.rocks == RockSample(6, 9).rocks
    assert len({RockSample(6, k).rocks[0] for k in range(1, 9)}) > 1
    assert (env.start, env.half_distance) == ((0, 3), 20.0)


def best_round(at: Cell, left: Rocks, n: int = 4, discount: float = 0.95) -> tuple[float, Cell]:
    """Best return of going round the rocks and looking on the spot only, and where to go first."""
    choices = [(10 * discount ** (n - at[0] - 1), (n, at[1]))]
    for rock in left:
        rest = tuple(other for other in left if other != rock)
        ahead = best_round(rock, rest, n, discount)[0]
        after = discount * (0.5 * (10 + discount * ahead) + 0.5 * ahead)
        way = abs(rock[0] - at[0]) + abs(rock[1] - at[1])
        choices.append((discount**way * after, rock))
    return max(choices)


def round_return(env: RockSample, good: tuple[bool, ...], discount: float = 0.95) -> float:
    """Discounted return of that round when the rocks are these."""
    env.reset(seed=0, options={"rocks": good})
    at, left, total, factor, over = env.start, env.rocks, 0.0, 1.0, False

    def act(action: int) -> int:
        nonlocal total, factor, over
        observation, reward, over, _, _ = env.step(action)
        total, factor = total + factor * reward, factor * discount
        return observation["reading"]

    while not over:
        target = best_round(at, left)[1]
        for action, count in zip(
            (EAST, WEST, NORTH, SOUTH),
            (target[0] - at[0], at[0] - target[0], target[1] - at[1], at[1] - target[1]),
            strict=True,
        ):
            for _ in range(count):
                act(action)
        if target in left:
            if act(SAMPLE + 1 + env.rocks.index(target)) == 0:
                act(SAMPLE)
            at, left = target, tuple(rock for rock in left if rock != target)
    return total


def test_the_round_of_the_rocks_earns_its_closed_form() -> None:
    """17.92 on average over all rocks of the 4 x 4 instance: checks on the spot are certain."""
    env = RockSample(4, 4)
    returns = [round_return(env, good) for good in itertools.product([False, True], repeat=4)]
    value = best_round(env.start, env.rocks)[0]

    assert np.mean(returns) == pytest.approx(value, abs=1e-9)
    assert value == pytest.approx(17.924498576, abs=1e-9)


def test_a_seed_reproduces_everything() -> None:
    def told_in_turn(seed: int) -> list[Any]:
        env = RockSample()
        return [env.reset(seed=seed), *(env.step(SAMPLE + 1 + i % 4) for i in range(40))]

    assert told_in_turn(3) == told_in_turn(3)
    assert told_in_turn(3) != told_in_turn(4)


def test_the_options_leave_the_other_random_numbers_as_they_are() -> None:
    drawn, given = RockSample(), RockSample()
    _, info = drawn.reset(seed=5)
    given.reset(seed=5, options=info)
    actions = [SAMPLE + 1 + i % 4 for i in range(40)]

    assert [drawn.step(a) for a in actions] == [given.step(a) for a in actions]


def test_a_situation_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Situation((0, 0), (True,)).at = (1, 0)  # type: ignore[misc]


@pytest.mark.parametrize(("action", "error"), [(9, ValueError), (-1, ValueError), (1.0, TypeError)])
def test_a_wrong_action_is_named_and_changes_nothing(action: Any, error: type[Exception]) -> None:
    env, twin = started(), started()
    with pytest.raises(error, match=r"`action`: .*got .*4 \(sample\).* 8 \(check rock 4\)"):
        env.step(action)

    assert [env.step(6) for _ in range(20)] == [twin.step(6) for _ in range(20)]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"rocks": [True]}, ValueError, r"`options\['rocks'\]`: expected 4 truth values, got"),
        ({"rocks": "good"}, ValueError, r"`options\['rocks'\]`: expected 4 truth values, got"),
        ({"rocks": 3}, TypeError, r"`options\['rocks'\]`: expected truth values, got 3"),
        ({"start": (4, 0)}, ValueError, r"`options\['start'\]`: expected a cell, got \(4, 0\)"),
        ({"rock": 1}, ValueError, r"`options`: expected the keys 'rocks' and 'start' only, got"),
    ],
)
def test_a_wrong_option_is_named_and_changes_nothing(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    env, twin = started(), started()
    with pytest.raises(error, match=text):
        env.reset(seed=9, options=options)

    assert [env.step(6) for _ in range(20)] == [twin.step(6) for _ in range(20)]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"n": 0}, ValueError, "`n`: expected a count, got 0"),
        ({"k": "4"}, TypeError, "`k`: expected a count, got '4'"),
        ({"n": 2, "k": 5}, ValueError, "`k`: expected at most 4 rocks on 2 x 2 cells, got 5"),
        ({"rocks": [(0, 0)]}, ValueError, "`rocks`: expected k = 4 cells, got 1. Set k too"),
        ({"k": 1, "rocks": [(4, 0)]}, ValueError, r"`rocks`: expected a cell, got \(4, 0\)"),
        ({"k": 2, "rocks": [(0, 0)] * 2}, ValueError, "`rocks`: expected different cells"),
        ({"start": (0, 4)}, ValueError, r"`start`: expected a cell, got \(0, 4\)"),
        ({"half_distance": 0}, ValueError, "`half_distance`: expected a distance above 0, got 0"),
        ({"half_distance": "far"}, TypeError, "`half_distance`: expected a finite number"),
        ({"rewards": (1, 2)}, ValueError, "`rewards`: expected 3 numbers .good rock, bad rock"),
        ({"render_mode": "human"}, ValueError, "`render_mode`: .*'ansi'.*got 'human'"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        RockSample(**arguments)


def test_a_step_before_the_first_reset_asks_for_it() -> None:
    with pytest.raises(ResetNeeded, match=r"got none\. Call env\.reset\(\)"):
        RockSample().step(EAST)


def test_a_step_after_the_exit_asks_for_reset_which_helps() -> None:
    env = started({"start": (3, 0)})
    env.step(EAST)
    with pytest.raises(ResetNeeded, match=r"one that ended at the exit\. Call env\.reset\(\)"):
        env.step(EAST)
    env.reset()

    assert env.step(EAST)[0]["position"] == 9


def test_the_picture_shows_rover_rocks_and_what_was_observed() -> None:
    env = started({"rocks": [True, False, False, True]}, render_mode="ansi")
    start = env.render()

    assert start == (
        ". 3 . .\n@ . . .\n. . 2 1\n. 4 . .\n"
        "rocks: 1 good, 2 bad, 3 bad, 4 good\nreading: good, outcome: nothing"
    )
    for action in (EAST, NORTH, SAMPLE):
        env.step(action)
    assert env.render() == (
        ". @ . .\n. . . .\n. . 2 1\n. 4 . .\n"
        "rocks: 1 good, 2 bad, 3 bad, 4 good\nreading: good, outcome: bad rock"
    )
    for _ in range(3):
        env.step(EAST)
    assert str(env.render()).startswith(". 3 . .\n. . . .\n")


def test_no_picture_without_render_mode_or_reset() -> None:
    assert started().render() is None
    assert RockSample(render_mode="ansi").render() is None


def test_many_worlds_step_as_one() -> None:
    register()
    envs = gym.make_vec("pyro_activeinf/RockSample-v0", num_envs=3, vectorization_mode="sync")
    envs.reset(seed=0)
    observation, *_ = envs.step(np.array([NORTH, EAST, SOUTH]))

    assert observation["position"].tolist() == [12, 9, 4]
