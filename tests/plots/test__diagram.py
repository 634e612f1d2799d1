"""Boxes in inches, edges between them, and where their labels stand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch

from pyro_activeinf.plots import _diagram
from pyro_activeinf.plots._diagram import LINE, Box, label_positions, text_width

COORDINATES = st.tuples(st.floats(-3, 3), st.floats(-3, 3))


def test_edges_of_a_box_are_at_half_its_size() -> None:
    box = Box(2.0, 1.0, 0.8, 0.4)

    assert box.left == (pytest.approx(1.6), 1.0)
    assert box.right == (pytest.approx(2.4), 1.0)
    assert box.top == pytest.approx(0.8)


def test_boxes_overlap_where_they_share_a_point() -> None:
    box = Box(0.0, 0.0, 2.0, 1.0)

    assert box.overlaps(Box(1.5, 0.9, 2.0, 1.0))
    assert not box.overlaps(Box(2.5, 0.0, 2.0, 1.0))
    assert not box.overlaps(Box(0.0, 1.5, 2.0, 1.0))


@settings(max_examples=40)
@given(COORDINATES, COORDINATES)
def test_a_line_meets_a_box_where_one_of_its_points_does(
    start: tuple[float, float], end: tuple[float, float]
) -> None:
    box = Box(0.3, -0.2, 2.0, 1.0)
    points = np.linspace(start, end, 2001)
    distance = np.abs(points - [0.3, -0.2]) - [1.0, 0.5]
    nearest = distance.max(-1).min()
    if abs(nearest) > 0.01:
        assert box.meets(start, end) == (nearest < 0)


@pytest.mark.parametrize(
    ("start", "end", "meets"),
    [
        ((-2.0, 0.0), (2.0, 0.0), True),
        ((-2.0, 0.6), (2.0, 0.6), False),
        ((0.5, -2.0), (0.5, 2.0), True),
        ((0.1, 0.1), (0.1, 0.1), True),
        ((2.1, 0.0), (3.0, 0.0), False),
    ],
)
def test_lines_along_the_axes_meet_boxes_too(
    start: tuple[float, float], end: tuple[float, float], meets: bool
) -> None:
    assert Box(0.0, 0.0, 2.0, 1.0).meets(start, end) == meets


def test_texts_are_as_wide_as_matplotlib_writes_them() -> None:
    figure = Figure(dpi=100)
    texts = ["open the left door", "$s_{t-1}$", "two\nlines, of which one is long"]
    for text in texts:
        drawn = figure.text(0.1, 0.5, text, fontsize="small")
        inches = drawn.get_window_extent().width / 100
        assert text_width([text]) == pytest.approx(inches, rel=0.05, abs=0.02)
    assert text_width(texts) == max(text_width([text]) for text in texts)
    assert text_width([]) == text_width([" "]) == 0.0


@pytest.mark.parametrize("size", [(3.0, 1.0), (9.0, 4.0)])
def test_units_of_a_drawing_are_inches(size: tuple[float, float]) -> None:
    figure, area = _diagram.drawing_area(size, [Line2D([], [], label="a")], 0.0, None, None)
    figure.draw_without_rendering()

    corner, (x, y) = area.transData.transform([(0, 0), (1, 1)])
    assert (x - corner[0]) / figure.dpi == pytest.approx(1.0, abs=0.08)
    assert (corner[1] - y) / figure.dpi == pytest.approx(1.0, abs=0.08)
    assert figure.get_size_inches()[0] == max(7.2, size[0] + 0.3)


def test_a_drawing_may_be_put_on_given_axes() -> None:
    panel = Figure().subplots()
    figure, area = _diagram.drawing_area((3.0, 1.0), [], 0.0, panel, None)

    assert area is panel
    assert figure is panel.figure
    with pytest.raises(ValueError, match="`axes`: expected 1 axes"):
        _diagram.drawing_area((3.0, 1.0), [], 0.0, [panel, panel], None)  # type: ignore[arg-type]


def test_edges_go_from_their_start_to_their_end() -> None:
    panel = Figure().subplots()
    _diagram.draw_edge(panel, (0.0, 1.0), (2.0, 3.0))
    _diagram.draw_edge(panel, (0.0, 1.0), (2.0, 3.0), arrow=True)

    (line,) = panel.get_lines()
    assert [list(line.get_xdata()), list(line.get_ydata())] == [[0.0, 2.0], [1.0, 3.0]]
    (arrow,) = panel.patches
    assert isinstance(arrow, FancyArrowPatch)
    assert arrow.get_arrowstyle().__class__.__name__ == "CurveFilledB"


def fan(left: int, right: int) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Lines from some points to those near by on the right."""
    return [
        ((0.0, 0.6 * a), (0.9, 0.5 * b))
        for a in range(left)
        for b in range(right)
        if abs(a - b) < 2
    ]


@pytest.mark.parametrize("lines", [fan(1, 2), fan(2, 3), fan(4, 5)])
def test_labels_of_lines_stand_on_them_and_apart(
    lines: list[tuple[tuple[float, float], tuple[float, float]]],
) -> None:
    labels = label_positions(lines, 0.25)

    for label, ((x0, y0), (x1, y1)) in zip(labels, lines, strict=True):
        share = (label.x - x0) / (x1 - x0)
        assert label.y == pytest.approx(y0 + share * (y1 - y0))
        assert (label.width, label.height) == (0.25, LINE)
        assert label.left[0] > x0
        assert label.right[0] < x1
    for i, label in enumerate(labels):
        assert not any(label.overlaps(other) for other in labels[i + 1 :])


def test_a_label_that_has_no_room_stands_in_the_middle() -> None:
    (label,) = label_positions([((0.0, 0.0), (0.1, 0.0))], 0.25)

    assert (label.x, label.y) == (pytest.approx(0.05), 0.0)
