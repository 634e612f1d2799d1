"""The time axis: episodes, lines that stop between them, and numbers that fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from matplotlib.figure import Figure

from pyro_activeinf.plots._timeline import Timeline


def timeline(lengths: Sequence[int]) -> Timeline:
    step = np.concatenate([np.arange(length) for length in lengths])
    return Timeline(np.repeat(np.arange(len(lengths)), lengths), step)


def test_episodes_are_spans_of_rows() -> None:
    time = timeline([3, 1, 2])

    assert time.rows == 6
    assert time.spans == [(0, 3), (3, 4), (4, 6)]


def test_episodes_are_told_apart_by_their_number() -> None:
    assert Timeline(np.array([7, 7, 4, 4]), np.array([3, 4, 0, 1])).spans == [(0, 2), (2, 4)]


def test_lines_stop_between_episodes_and_where_values_are_not_finite() -> None:
    x, y = timeline([2, 3]).line(np.array([1.0, 2.0, 3.0, -np.inf, 5.0]))

    np.testing.assert_array_equal(x, [0, 1, np.nan, 2, 3, 4])
    np.testing.assert_array_equal(y, [1, 2, np.nan, 3, np.nan, 5])


def test_many_episodes_are_drawn_by_their_means() -> None:
    time = timeline([10] * 21)
    values = np.arange(210.0)
    values[0], values[10:20] = np.nan, np.inf
    x, y = time.line(values)

    assert time.crowded
    np.testing.assert_allclose(x[:3], [4.5, 14.5, 24.5])
    np.testing.assert_array_equal(y[:3], [5.0, np.nan, 24.5])
    assert len(x) == len(y) == 21


@pytest.mark.parametrize("lengths", [[10] * 20, [5] * 40, [4000]])
def test_lines_show_every_step_where_they_can(lengths: list[int]) -> None:
    time = timeline(lengths)

    assert not time.crowded
    assert len(time.line(np.zeros(time.rows))[0]) == time.rows + len(lengths) - 1


def test_a_single_episode_is_numbered_by_its_steps() -> None:
    time = timeline([4])

    assert time.ticks() == {0: "0", 1: "1", 2: "2", 3: "3"}
    assert time.label == "time step"


def test_the_numbers_are_those_of_the_steps_where_a_part_is_drawn() -> None:
    assert Timeline(np.zeros(3, int), np.array([5, 6, 7])).ticks() == {0: "5", 1: "6", 2: "7"}


def test_episodes_are_numbered_below_their_first_step() -> None:
    time = timeline([2, 3])

    assert time.ticks() == {0: "0\n0", 1: "1\n", 2: "0\n1", 3: "1\n", 4: "2\n"}
    assert time.label == "time step (upper row), episode (lower row)"


def test_an_episode_whose_start_has_no_room_is_numbered_at_its_next_mark() -> None:
    ticks = timeline([50, 2, 50]).ticks()

    assert ticks[50] == "0\n1"
    assert 52 not in ticks
    assert ticks[min(row for row in ticks if row > 52)] == "10\n2"


def test_a_long_episode_is_numbered_in_round_steps() -> None:
    ticks = timeline([400]).ticks()

    assert list(ticks) == list(range(0, 400, 50))
    assert list(ticks.values()) == [str(row) for row in ticks]


def test_many_short_episodes_are_numbered_by_episode() -> None:
    time = timeline([3] * 150)

    assert time.ticks() == {30 * k: str(10 * k) for k in range(15)}
    assert time.label == "episode"


@pytest.mark.parametrize(
    "lengths", [[31], [3] * 10, [21, 89, 9, 101, 101, 66, 50, 28], [1] * 40, [3] * 30, [1000] * 3]
)
def test_marks_keep_their_distance(lengths: list[int]) -> None:
    time = timeline(lengths)
    rows = list(time.ticks())

    assert rows[0] == 0
    assert len(rows) <= 33
    assert min(np.diff(rows)) >= max(1, time.rows / 32)


def test_episodes_are_parted_on_every_panel_and_time_is_written_below_the_last() -> None:
    upper, lower = Figure().subplots(2)
    timeline([2, 3]).finish([upper, lower])

    for panel in (upper, lower):
        assert panel.get_xlim() == (-0.5, 4.5)
        (boundary,) = panel.get_lines()
        assert list(boundary.get_xdata()) == [1.5, 1.5]
    assert upper.get_xlabel() == ""
    assert lower.get_xlabel() == "time step (upper row), episode (lower row)"
    assert not any(text.get_visible() for text in upper.get_xticklabels())
    assert [text.get_text() for text in lower.get_xticklabels()][2] == "0\n1"


def test_crowded_episodes_are_not_parted() -> None:
    panel = Figure().subplots()
    timeline([10] * 30).finish([panel])

    assert not panel.get_lines()
