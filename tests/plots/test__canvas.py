"""What every figure shares."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pyro_activeinf.plots import _canvas


@pytest.fixture
def panel() -> Axes:
    return Figure().subplots()


def test_arrays_leave_the_gradient_behind() -> None:
    tensor = torch.tensor([1.0, 2.0], requires_grad=True)

    assert _canvas.array(tensor).tolist() == [1.0, 2.0]


def test_one_agent_is_one_agent() -> None:
    _canvas.require_one_agent("trajectory", torch.Size([]))
    with pytest.raises(ValueError, match=r"`trajectory`: .*batch of shape \(2, 3\). Draw its"):
        _canvas.require_one_agent("trajectory", (2, 3))


def test_panels_stand_above_each_other_in_proportion() -> None:
    figure, drawn = _canvas.panels(["a", "b"], [1.0, 3.0], None, None)
    figure.draw_without_rendering()

    top, bottom = (axes.get_position() for axes in drawn)
    assert top.y0 > bottom.y1
    assert bottom.height / top.height == pytest.approx(3.0, rel=0.02)
    assert figure.get_size_inches().tolist() == [7.2, pytest.approx(5.2)]


def test_a_figure_has_the_size_that_was_asked_for() -> None:
    figure, _ = _canvas.panels(["a"], [1.0], None, (3.0, 2.0))

    assert figure.get_size_inches().tolist() == [3.0, 2.0]


def test_given_axes_are_drawn_on() -> None:
    figure = Figure()
    grid = figure.subplots(2, 2)

    assert _canvas.given_axes(grid, ["a", "b", "c", "d"]) == (figure, list(grid.ravel()))
    assert _canvas.given_axes(grid[0, 0], ["a"]) == (figure, [grid[0, 0]])


def test_the_figure_of_axes_in_a_subfigure_is_the_outermost() -> None:
    figure = Figure()
    axes = figure.subfigures(1, 2)[0].subplots()

    assert _canvas.given_axes(axes, ["a"])[0] is figure


def test_axes_have_to_be_as_many_as_panels(panel: Axes) -> None:
    with pytest.raises(ValueError, match=r"`axes`: expected 2 axes, for \['a', 'b'\], got 1"):
        _canvas.given_axes([panel], ["a", "b"])


@pytest.mark.parametrize(("count", "named", "inches"), [(2, 0, 0.45), (5, 0, 0.95), (99, 0, 1.8)])
def test_rows_without_names_are_squeezed(count: int, named: int, inches: float) -> None:
    assert _canvas.height_of_rows(count, None) == pytest.approx(inches)


def test_rows_with_names_have_room_for_them() -> None:
    assert _canvas.height_of_rows(20, ["name"] * 20) == pytest.approx(20 * _canvas.ROW)


def test_heat_maps_are_darker_where_more_probable_and_hatched_where_unknown(panel: Axes) -> None:
    values = np.array([[0.0, 0.5, np.nan], [1.0, 0.5, np.nan]])
    image = _canvas.heat_map(panel, values)

    shown = np.ma.getdata(image.get_array())
    np.testing.assert_array_equal(shown, values)
    lightness = image.to_rgba(image.get_array())[..., :3].mean(-1)
    assert lightness[0, 0] == 1.0
    assert lightness[1, 0] == 0.0
    assert 0.0 < lightness[0, 1] < 1.0
    assert image.to_rgba(image.get_array())[..., 3].tolist() == [[1, 1, 0], [1, 1, 0]]
    assert panel.patch.get_hatch()


def test_the_first_row_is_at_the_top_with_its_name(panel: Axes) -> None:
    _canvas.name_rows(panel, 2, ["no", "yes", "never seen"])

    assert [text.get_text() for text in panel.get_yticklabels()] == ["no", "yes"]
    assert panel.get_yticks().tolist() == [0, 1]
    assert panel.get_ylim() == (1.5, -0.5)


def test_many_rows_without_names_are_numbered_sparsely(panel: Axes) -> None:
    _canvas.name_rows(panel, 20, None)

    found = [text.get_text() for text in panel.get_yticklabels()]
    assert found == ["0", "3", "6", "9", "12", "15", "18"]


def test_color_bars_say_what_shades_mean(panel: Axes) -> None:
    image = _canvas.heat_map(panel, np.eye(2), 0.5)
    _canvas.color_bar(image, [panel], [1.0], "probability")

    bar = panel.figure.axes[-1]
    assert bar is not panel
    assert bar.get_ylabel() == "probability"
    assert bar.get_ylim() == (0.0, 0.5)


def test_labels_are_for_names_that_are_drawn() -> None:
    _canvas.require_labels({"a": ["x", "y", "more"]}, [("a", 2), ("b", 3)])
    with pytest.raises(ValueError, match=r"`labels`: expected names among \['a', 'b'\].*\['c'\]"):
        _canvas.require_labels({"c": ["x"]}, [("a", 2), ("b", 3)])


def test_labels_are_enough() -> None:
    with pytest.raises(ValueError, match=r"`labels\['b'\]`: expected a label for each of 3 values"):
        _canvas.require_labels({"b": ["x", "y"]}, [("a", 2), ("b", 3)])


def test_lines_have_colors_of_different_lightness_or_hue() -> None:
    colors = [
        _canvas.BLACK,
        _canvas.BLUE,
        _canvas.ORANGE,
        _canvas.GREEN,
        _canvas.VERMILION,
        _canvas.PURPLE,
    ]
    rgb = np.array([mpl.colors.to_rgb(color) for color in colors])
    distance = np.abs(rgb[:, None] - rgb).max(-1) + np.eye(len(colors))

    assert distance.min() > 0.2
