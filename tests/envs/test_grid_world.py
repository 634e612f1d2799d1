"""Grid worlds: moves, walls, slips, sensors and maps, and Gymnasium's own checks."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from pyro_activeinf.envs import GridWorld, read_map, register
from tests.envs.chances import assert_same_distribution, reset_distribution, step_distribution

LEFT, DOWN, RIGHT, UP = range(4)
MAP = """
    S.#
    .#.
    S.G
"""


def started(start: tuple[int, int] | None = None, seed: int = 0, **arguments: Any) -> GridWorld:
    env = GridWorld.from_text(MAP, **arguments)
    env.reset(seed=seed, options=None if start is None else {"start": start})
    return env


def told(observation: dict[str, Any], info: dict[str, Any]) -> tuple[int, int, int]:
    return info["location"], observation["position"], observation["reward"]


@pytest.mark.parametrize("render_mode", [None, "ansi"])
@pytest.mark.parametrize("arguments", [{}, {"noise": 0.3, "accuracy": 0.6, **read_map(MAP)}])
def test_gymnasiums_own_checks_pass_without_a_warning(
    render_mode: str | None, arguments: dict[str, Any]
) -> None:
    register()
    env = gym.make("pyro_activeinf/GridWorld-v0", render_mode=render_mode, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=False)


def test_all_starts_are_equally_likely() -> None:
    found = reset_distribution(GridWorld.from_text(MAP), told)
    assert_same_distribution(found, {(0, 0, 0): 0.5, (6, 6, 0): 0.5})


# Next cell by cell (row by row) and action, in the map above; walls are 2 and 4, the goal 8.
NEXT = {0: (0, 3, 1, 0), 1: (0, 1, 1, 1), 3: (3, 6, 3, 0), 5: (5, 8, 5, 5), 6: (6, 6, 7, 3)}
NEXT |= {7: (6, 7, 8, 7)}


@pytest.mark.parametrize("cell", NEXT)
@pytest.mark.parametrize("action", range(4))
def test_moves_stop_at_walls_and_edges(cell: int, action: int) -> None:
    env = started((cell // 3, cell % 3))
    observation, reward, terminated, truncated, info = env.step(action)
    at_goal = NEXT[cell][action] == 8

    assert info == {"location": NEXT[cell][action]}
    assert observation == {"position": NEXT[cell][action], "reward": int(at_goal)}
    assert (reward, terminated, truncated) == (float(at_goal), at_goal, False)


def test_on_slippery_ground_a_move_may_fail() -> None:
    env = GridWorld.from_text(MAP, noise=0.25)
    found = step_distribution(env, RIGHT, told, {"start": (2, 1)})
    assert_same_distribution(found, {(8, 8, 1): 0.75, (7, 7, 0): 0.25})


def test_the_sensor_may_show_any_other_free_cell() -> None:
    env = GridWorld.from_text(MAP, accuracy=0.4)
    found = step_distribution(env, RIGHT, told, {"start": (2, 0)})
    others = {(7, cell, 0): 0.1 for cell in (0, 1, 3, 5, 6, 8)}
    assert_same_distribution(found, {(7, 7, 0): 0.4, **others})


def test_in_the_long_run_moves_fail_as_often_as_promised() -> None:
    env, count, failed = GridWorld(1, 2, noise=0.3), 3000, 0
    env.reset(seed=0)
    for _ in range(count):
        env.reset()
        failed += env.step(RIGHT)[4]["location"] == 0

    assert abs(failed - 0.3 * count) < 5 * (count * 0.21) ** 0.5


def test_maps_and_lists_of_cells_describe_the_same_world() -> None:
    cells: dict[str, Any] = {
        "walls": [(0, 2), (1, 1)],
        "starts": [(0, 0), (2, 0)],
        "goals": [(2, 2)],
    }
    assert read_map(MAP) == {"rows": 3, "columns": 3, **cells}
    one, other = GridWorld.from_text(MAP), GridWorld(3, 3, **cells)
    for name in ("sizes", "walls", "starts", "goals"):
        assert getattr(one, name) == getattr(other, name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"`text`: expected lines of one length, got lengths \[\]"),
        ("S.\nG", r"got lengths \[1, 2\]. Write free cells as '\.'"),
        ("SX\nGx", r"`text`: expected the symbols \['#', 'S', 'G', '\.'\] only, got \['X', 'x'\]"),
        ("S.", "`goals`: expected at least one cell, got none"),
        ("G.", "`starts`: expected at least one cell, got none"),
    ],
)
def test_wrong_maps_are_explained(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GridWorld.from_text(text)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"rows": 0}, ValueError, "`rows`: expected a count, got 0"),
        ({"columns": 2.5}, TypeError, "`columns`: expected a count, got 2.5"),
        ({"walls": [(4, 0)]}, ValueError, r"`walls`: expected a cell, got \(4, 0\).*\(3, 3\)"),
        ({"walls": [(1, 1), (1, 1)]}, ValueError, "`walls`: expected different cells"),
        ({"walls": 3}, TypeError, "`walls`: expected cells, got 3"),
        ({"starts": [(0, 0, 0)]}, ValueError, "`starts`: expected a cell, got"),
        ({"starts": [(0, 0.5)]}, TypeError, "`starts`: expected a cell, got"),
        ({"walls": [(0, 0)]}, ValueError, r"`starts`: expected none of the walls, got \[\(0, 0"),
        ({"goals": [(0, 0)]}, ValueError, "`starts`: expected none of the goals"),
        ({"walls": [(3, 3)]}, ValueError, "`goals`: expected none of the walls"),
        ({"noise": 1.5}, ValueError, "`noise`: expected a probability, got 1.5"),
        ({"accuracy": None}, TypeError, "`accuracy`: expected a probability, got None"),
        ({"render_mode": "human"}, ValueError, "`render_mode`: .*'ansi'.*got 'human'"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        GridWorld(**arguments)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"start": (0, 2)}, r"`options\['start'\]`: expected a free cell that is no goal, got"),
        ({"start": (2, 2)}, r"`options\['start'\]`: expected a free cell that is no goal, got"),
        ({"start": (3, 0)}, r"`options\['start'\]`: expected a cell, got \(3, 0\)"),
        ({"goal": (0, 0)}, r"`options`: expected the key 'start' only, got \['goal'\]"),
    ],
)
def test_a_wrong_option_is_named_and_changes_nothing(options: dict[str, Any], text: str) -> None:
    env, twin = started(noise=0.5), started(noise=0.5)
    with pytest.raises(ValueError, match=text):
        env.reset(seed=9, options=options)

    assert [env.step(DOWN) for _ in range(20)] == [twin.step(DOWN) for _ in range(20)]


@pytest.mark.parametrize(("action", "error"), [(4, ValueError), (-1, ValueError), (1.0, TypeError)])
def test_a_wrong_action_is_named_and_changes_nothing(action: Any, error: type[Exception]) -> None:
    env, twin = started(noise=0.5), started(noise=0.5)
    with pytest.raises(error, match=r"`action`: expected an integer, got .* 3 \(up\)"):
        env.step(action)

    assert [env.step(DOWN) for _ in range(20)] == [twin.step(DOWN) for _ in range(20)]


def test_a_step_before_the_first_reset_asks_for_it() -> None:
    with pytest.raises(ResetNeeded, match=r"got none\. Call env\.reset\(\)"):
        GridWorld().step(UP)


def test_a_step_after_the_goal_asks_for_reset_which_helps() -> None:
    env = started((2, 1))
    env.step(RIGHT)
    with pytest.raises(ResetNeeded, match=r"one that ended at a goal\. Call env\.reset\(\)"):
        env.step(RIGHT)
    env.reset(options={"start": (2, 0)})

    assert env.step(RIGHT)[4] == {"location": 7}


def test_a_seed_reproduces_everything() -> None:
    def told_in_turn(seed: int) -> list[Any]:
        env = GridWorld.from_text(MAP, noise=0.5, accuracy=0.5)
        return [env.reset(seed=seed), *(env.step(UP) for _ in range(30))]

    assert told_in_turn(3) == told_in_turn(3)
    assert told_in_turn(3) != told_in_turn(4)


def test_the_option_leaves_the_other_random_numbers_as_they_are() -> None:
    drawn = GridWorld.from_text(MAP, noise=0.5, accuracy=0.5)
    given = GridWorld.from_text(MAP, noise=0.5, accuracy=0.5)
    _, info = drawn.reset(seed=5)
    given.reset(seed=5, options={"start": divmod(info["location"], 3)})

    assert [drawn.step(UP) for _ in range(30)] == [given.step(UP) for _ in range(30)]


def test_the_picture_is_the_map_with_the_agent() -> None:
    env = started((2, 0), render_mode="ansi")
    start = env.render()
    env.step(RIGHT)

    assert start == "S.#\n.#.\n@.G"
    assert env.render() == "S.#\n.#.\nS@G"
    env.step(RIGHT)
    assert env.render() == "S.#\n.#.\nS.@"


def test_no_picture_without_render_mode_or_reset() -> None:
    assert started().render() is None
    assert GridWorld(render_mode="ansi").render() is None


def test_many_worlds_step_as_one() -> None:
    register()
    envs = gym.make_vec("pyro_activeinf/GridWorld-v0", num_envs=2, vectorization_mode="sync")
    envs.reset(seed=0)
    observation, *_ = envs.step(np.array([RIGHT, DOWN]))

    assert observation["position"].tolist() == [1, 4]
