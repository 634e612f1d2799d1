"""What the checks let through, and the words of their errors."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from pyro_activeinf.envs import _checks

NAMES = ("left", "right")


@pytest.mark.parametrize("value", [0, 1, 0.25, np.float32(0.25), True])
def test_probability_returns_a_float(value: Any) -> None:
    got = _checks.probability("validity", value)

    assert type(got) is float
    assert got == value


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf")])
def test_probability_out_of_range(value: Any) -> None:
    with pytest.raises(ValueError, match=r"expected a probability, got .* from 0 to 1"):
        _checks.probability("validity", value)


@pytest.mark.parametrize("value", ["0.5", None, 0.5j, [0.5]])
def test_probability_of_another_type(value: Any) -> None:
    with pytest.raises(TypeError, match=r"expected a probability, got .* from 0 to 1"):
        _checks.probability("validity", value)


@pytest.mark.parametrize("value", [1, 7, np.int64(7), torch.tensor(7)])
def test_count_returns_an_int(value: Any) -> None:
    got = _checks.count("moves", value)

    assert type(got) is int
    assert got == value


@pytest.mark.parametrize("value", [0, -3])
def test_count_too_small(value: Any) -> None:
    with pytest.raises(ValueError, match=f"`moves`: expected a count, got {value}.*at least 1"):
        _checks.count("moves", value)


@pytest.mark.parametrize("value", [2.0, "2", None])
def test_count_of_another_type(value: Any) -> None:
    with pytest.raises(TypeError, match=f"`moves`: expected a count, got {value!r}.*at least 1"):
        _checks.count("moves", value)


@pytest.mark.parametrize("value", [1, np.int32(1), np.array(1), torch.tensor(1)])
def test_index_returns_an_int(value: Any) -> None:
    got = _checks.index("action", value, NAMES)

    assert type(got) is int
    assert got == 1


@pytest.mark.parametrize("value", [-1, 2])
def test_index_of_no_name(value: Any) -> None:
    expected = rf"`action`: expected an integer, got {value}\. Pass one of 0 \(left\), 1 \(right\)"
    with pytest.raises(ValueError, match=expected):
        _checks.index("action", value, NAMES)


@pytest.mark.parametrize("value", [1.0, "left", None, np.array([0, 1]), torch.tensor(1.0)])
def test_index_of_another_type(value: Any) -> None:
    with pytest.raises(TypeError, match="`action`: expected an integer, got "):
        _checks.index("action", value, NAMES)


@pytest.mark.parametrize("value", [0, -3.5, np.float32(0.25), True])
def test_number_returns_a_float(value: Any) -> None:
    got = _checks.number("reward", value)

    assert type(got) is float
    assert got == value


@pytest.mark.parametrize(
    ("value", "error"), [(float("nan"), ValueError), (float("inf"), ValueError), ("1", TypeError)]
)
def test_number_that_is_none(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="`reward`: expected a finite number, got "):
        _checks.number("reward", value)


def test_numbers_are_one_for_each_name() -> None:
    assert _checks.numbers("rewards", [1, 2.5], NAMES) == (1.0, 2.5)
    with pytest.raises(ValueError, match=r"`rewards`: expected 2 numbers \(left, right\), got 1"):
        _checks.numbers("rewards", [1], NAMES)
    with pytest.raises(TypeError, match="`rewards`: expected numbers, got 1"):
        _checks.numbers("rewards", 1, NAMES)


def test_distance_is_above_zero() -> None:
    assert _checks.distance("reach", 2) == 2.0
    with pytest.raises(ValueError, match="`reach`: expected a distance above 0, got 0"):
        _checks.distance("reach", 0)


@pytest.mark.parametrize(
    "value", [(1, 2), [1, 2], np.array([1, 2]), (np.int64(1), torch.tensor(2))]
)
def test_cell_returns_a_pair_of_ints(value: Any) -> None:
    got = _checks.cell("start", value, (2, 3))

    assert got == (1, 2)
    assert [type(at) for at in got] == [int, int]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ((2, 0), ValueError),
        ((0, 3), ValueError),
        ((-1, 0), ValueError),
        ((0,), ValueError),
        ((0, 1.0), TypeError),
    ],
)
def test_cell_outside_of_the_grid(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"`start`: expected a cell, got .*\(0, 0\) to \(1, 2\)"):
        _checks.cell("start", value, (2, 3))


def test_cells_are_different() -> None:
    assert _checks.cells("walls", [(0, 1), (1, 1)], (2, 2)) == ((0, 1), (1, 1))
    with pytest.raises(ValueError, match=r"`walls`: expected different cells, got \[\(0, 1\), "):
        _checks.cells("walls", [(0, 1), (0, 1)], (2, 2))


@pytest.mark.parametrize("value", [[True, False], (1, 0), np.array([True, False])])
def test_truths_are_bools(value: Any) -> None:
    assert _checks.truths("rocks", value, 2) == (True, False)


@pytest.mark.parametrize("value", [[True], ["yes", "no"], [True, None], "ab"])
def test_truths_of_another_kind(value: Any) -> None:
    with pytest.raises(ValueError, match="`rocks`: expected 2 truth values, got "):
        _checks.truths("rocks", value, 2)


def test_options_are_known() -> None:
    assert _checks.options(None, ["start"]) == {}
    assert _checks.options({"start": 1}, ["start"]) == {"start": 1}
    with pytest.raises(ValueError, match=r"the keys 'a' and 'b' only, got \['c', 'd'\]\. Drop it"):
        _checks.options({"d": 1, "c": 2}, ["a", "b"])


def test_an_episode_is_under_way() -> None:
    assert _checks.under_way("episode") == "episode"
    with pytest.raises(gym.error.ResetNeeded, match=r"got none\. Call env\.reset\(\)"):
        _checks.under_way(None)
    with pytest.raises(gym.error.ResetNeeded, match="got one that ended at sea"):
        _checks.under_way("episode", "at sea")


@pytest.mark.parametrize("value", [None, "ansi"])
def test_render_mode_is_returned(value: Any) -> None:
    assert _checks.render_mode(value, ["ansi"]) == value


def test_unknown_render_mode() -> None:
    with pytest.raises(ValueError, match=r"one of \['ansi'\], got 'human'\. Leave"):
        _checks.render_mode("human", ["ansi"])
