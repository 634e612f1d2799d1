"""What of a trajectory lies in a grid."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from matplotlib.quiver import Quiver

from pyro_activeinf.plots import Grid
from pyro_activeinf.plots._canvas import BLUE, VERMILION
from pyro_activeinf.plots._grid_view import GridView
from pyro_activeinf.records import Trajectory
from tests.plots.trajectories import made


@pytest.fixture
def run() -> Trajectory:
    return made(controls=(4,))


def drawn(grid: Grid, run: Trajectory, row: int) -> Axes:
    axes: Axes = Figure().subplots()
    GridView.of(grid, run).draw(axes, row)
    return axes


def arrows(axes: Axes, color: str) -> dict[tuple[float, float], tuple[float, float]]:
    """Direction (row, column) to start (row, column) and length of arrows of a color."""
    found = {}
    for quiver in axes.collections:
        if isinstance(quiver, Quiver) and tuple(quiver.get_facecolor()[0]) == to_rgba(color):
            for (x, y), u, v in zip(quiver.XY, quiver.U, quiver.V, strict=True):
                length = float(np.hypot(u, v))
                found[round(v / length), round(u / length)] = (y, x, length)
    return found


def test_beliefs_lie_in_the_grid_row_by_row(run: Trajectory) -> None:
    axes = drawn(Grid((2, 2)), run, 1)

    (image,) = axes.get_images()
    np.testing.assert_array_equal(image.get_array(), run.beliefs["place"][1].reshape(2, 2))
    assert image.get_clim() == (0.0, float(run.beliefs["place"].max()))
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row is at the top


def test_the_action_that_was_taken_starts_at_the_most_probable_cell(run: Trajectory) -> None:
    moves = ((0, -1), (1, 0), (0, 1), (-1, 0))
    for row in (0, 1, 2, 4, 5):
        axes = drawn(Grid((2, 2)), run, row)
        cell = divmod(int(run.beliefs["place"][row].argmax()), 2)
        ((direction, (*start, _)),) = arrows(axes, VERMILION).items()
        assert direction == moves[int(run.actions[row])]
        assert tuple(start) == cell


def test_the_others_are_as_long_as_they_are_probable(run: Trajectory) -> None:
    probs = torch.full_like(run.action_probs, 0.0)
    probs[:] = torch.tensor([0.5, 0.3, 0.17, 0.03])
    run = replace(run, action_probs=probs, actions=torch.full_like(run.actions, 1))
    axes = drawn(Grid((2, 2)), run, 0)

    whole = arrows(axes, VERMILION)[1, 0][2]
    lengths = {direction: length for direction, (*_, length) in arrows(axes, BLUE).items()}
    assert lengths == {
        (0, -1): pytest.approx(0.5 * whole),
        (0, 1): pytest.approx(0.17 * whole),
    }


def test_without_a_plan_there_are_no_arrows(run: Trajectory) -> None:
    for grid, row in ((Grid((2, 2)), 3), (Grid((2, 2), moves=()), 0)):
        axes = drawn(grid, run, row)
        assert not arrows(axes, BLUE)
        assert not arrows(axes, VERMILION)


def test_arrows_stay_within_the_panel(run: Trajectory) -> None:
    for shape in ((2, 2), (1, 4), (4, 1)):
        axes = drawn(Grid(shape), run, 0)
        ((down, right), (row, column, length)) = next(iter(arrows(axes, VERMILION).items()))
        (left, end), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert left <= column + right * length <= end
        assert top <= row + down * length <= bottom


@pytest.mark.parametrize(("values", "cell"), [(3, (1, 1)), (2.0, (1, 0)), (-1, None)])
def test_a_ring_is_around_the_observed_cell(
    run: Trajectory, values: float, cell: tuple[int, int] | None
) -> None:
    seen = torch.full((7,), values)
    axes = drawn(Grid((2, 2), observed="gps"), replace(run, observations={"gps": seen}), 2)

    rings = [patch.center for patch in axes.patches if isinstance(patch, Circle)]
    assert rings == ([] if cell is None else [(cell[1], cell[0])])


def test_walls_and_marks_are_where_they_are(run: Trajectory) -> None:
    axes = drawn(Grid((2, 2), walls=[(0, 1)], marks={(1, 0): "G"}), run, 0)

    hatched = [p for p in axes.patches if isinstance(p, Rectangle) and p.get_hatch() == "xxxx"]
    assert [tuple(patch.get_center()) for patch in hatched] == [(1.0, 0.0)]
    (text,) = axes.texts
    assert (text.get_text(), text.get_position()) == ("G", (0, 1))


def test_missing_beliefs_leave_the_grid_hatched(run: Trajectory) -> None:
    place = run.beliefs["place"].clone()
    place[2] = torch.nan
    axes = drawn(Grid((2, 2)), replace(run, beliefs={"place": place}), 2)

    assert np.ma.getmaskarray(axes.get_images()[0].get_array()).all()
    below = [p for p in axes.patches if p.get_hatch() == "////" and p.get_zorder() < 0]
    assert len(below) == 1


def test_the_legend_says_what_is_drawn_and_no_more(run: Trajectory) -> None:
    def labels(grid: Grid, run: Trajectory) -> list[Any]:
        return [handle.get_label() for handle in GridView.of(grid, run).legend()]

    taken, others = "action taken", "others, by their probability"
    assert labels(Grid((2, 2)), run) == [taken, others]
    everything = Grid((2, 2), observed="sound", walls=[(0, 0)])
    assert labels(everything, run) == ["observed", taken, others, "wall"]
    assert labels(Grid((2, 2), moves=()), run) == []
    certain = torch.nn.functional.one_hot(run.actions.clamp(min=0), 4).double()
    certain[run.actions < 0] = torch.nan
    assert labels(Grid((2, 2)), replace(run, action_probs=certain)) == [taken]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (Grid((2, 2), moves=[(0, 1)]), r"`moves`: expected .* there are \(4,\).*Give moves=\(\)"),
        (Grid((2, 2), observed="smell"), r"`observed`: expected names among \['sound', 'light'\]"),
        (Grid((1, 2), observed="sound"), "`observed`: expected a site of cells, from 0 to 1, got"),
    ],
)
def test_what_does_not_fit_is_refused(grid: Grid, message: str, run: Trajectory) -> None:
    with pytest.raises(ValueError, match=message):
        GridView.of(grid, run)
