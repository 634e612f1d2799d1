"""How the values of a state site lie in a grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pyro_activeinf.plots import Grid
from tests.plots.trajectories import made


def test_cells_are_numbered_row_by_row() -> None:
    grid = Grid((2, 3))

    assert grid.size == 6
    assert [grid.cell(i) for i in range(6)] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_the_site_is_the_only_one_of_that_size_or_the_one_that_is_named() -> None:
    run = made()  # place has 4 values, mood 2

    assert Grid((2, 2)).site_of(run) == Grid((4, 1), site="place").site_of(run) == "place"
    assert Grid((1, 2)).site_of(run) == "mood"


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (
            Grid((3, 3)),
            r"`site`: expected one state site of 9 values, for a grid of shape \(3, 3\)",
        ),
        (Grid((2, 2), site="mood"), "`site`: expected one state site of 4 values.*got mood"),
        (Grid((2, 2), site="hat"), r"`site`: expected names among \['place', 'mood'\]"),
    ],
)
def test_a_site_that_does_not_fit_is_refused(grid: Grid, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grid.site_of(made())


def test_of_two_sites_that_fit_one_is_to_be_named() -> None:
    run = made()
    twins = {"here": run.beliefs["place"], "there": run.beliefs["place"]}
    both = type(run)(**(vars(run) | {"beliefs": twins}))

    with pytest.raises(ValueError, match=r"`site`: expected one .*There are \{'here': 4, 'there'"):
        Grid((2, 2)).site_of(both)
    assert Grid((2, 2), site="there").site_of(both) == "there"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (4,)}, r"`shape`: expected \(rows, columns\), got \(4,\)"),
        ({"shape": (4, 0)}, "`shape`: expected an integer of at least 1, got 0"),
        ({"shape": (2, 2), "walls": [(0, 2)]}, r"`walls`: expected cells .* of a grid of 2 by 2"),
        ({"shape": (2, 2), "marks": {(-1, 0): "G"}}, r"`marks`: expected cells .*got \[\(-1, 0\)"),
    ],
)
def test_wrong_grids_are_refused(arguments: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Grid(**arguments)
