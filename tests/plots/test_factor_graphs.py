"""Factor graphs as they are drawn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from pyro_activeinf import plots
from pyro_activeinf.compile import compile_program
from pyro_activeinf.models import POMDP, TMaze
from pyro_activeinf.plots._canvas import BLACK, ORANGE, PURPLE
from tests.plots.test__step_graph import Radio

Corners = tuple[float, float, float, float]


def boxes(axes: Axes) -> dict[str, Corners]:
    """Left, right, top and bottom of the box around each text."""
    found = {}
    for text in axes.texts:
        x, y = text.get_position()
        for left, right, top, bottom in rectangles(axes):
            if left < x < right and top < y < bottom:
                found[text.get_text()] = (left, right, top, bottom)
    return found


def rectangles(axes: Axes, squares: bool = False) -> Iterator[Corners]:
    for patch in axes.patches:
        if isinstance(patch, FancyBboxPatch) and (patch.get_width() < 0.2) == squares:
            x, y = patch.get_x(), patch.get_y()
            yield x, x + patch.get_width(), y, y + patch.get_height()


def edges(axes: Axes) -> list[tuple[np.ndarray, np.ndarray]]:
    """Ends of the lines, and of the arrows with the tip last."""
    lines = [np.array(line.get_xydata()) for line in axes.get_lines()]
    arrows = [p for p in axes.patches if isinstance(p, FancyArrowPatch)]
    tips = [np.array(arrow._posA_posB) for arrow in arrows]  # type: ignore[attr-defined]
    return [(found[0], found[1]) for found in lines + tips]


def colors(axes: Axes) -> list[str]:
    return [
        to_hex(patch.get_facecolor())
        for patch in axes.patches
        if isinstance(patch, FancyBboxPatch) and patch.get_width() < 0.2
    ]


def legend(figure: Figure) -> list[str]:
    found = figure.axes[0].get_legend()
    assert found is not None
    return [text.get_text().split(" $")[0] for text in found.get_texts()]


def test_variables_stand_in_columns_with_their_names_and_sizes() -> None:
    (axes,) = plots.model(TMaze()).axes
    found = boxes(axes)

    assert found.keys() == {
        "context\n2 values",
        "location\n4 values",
        "action\n4 values",
        "position\n5 values",
        "reward\n3 values",
    }
    names = [text.get_text() for text in axes.texts]
    assert names.count("context\n2 values") == 2  # previous and next
    assert found["position\n5 values"][0] == pytest.approx(found["reward\n3 values"][0])
    assert found["action\n4 values"][3] < found["location\n4 values"][2]  # above
    headings = [name.split("\n")[0] for name in names if "$" in name]
    assert headings == ["previous state", "action", "next state", "observation"]


def test_every_dependence_is_an_edge() -> None:
    (axes,) = plots.model(TMaze()).axes

    # context, location + action; twice two parents; five factors with a variable of their own
    assert len(edges(axes)) == 3 + 4 + 5
    assert len([p for p in axes.patches if isinstance(p, FancyArrowPatch)]) == 4
    squares = list(rectangles(axes, squares=True))
    around = [*squares, *rectangles(axes)]
    for ends in edges(axes):
        for x, y in ends:
            assert any(
                left - 1e-9 <= x <= right + 1e-9 and top <= y <= bottom
                for left, right, top, bottom in around
            )
        assert any(
            left - 1e-9 <= x <= right + 1e-9 and top <= y <= bottom
            for x, y in ends
            for left, right, top, bottom in squares
        )


def test_arrows_point_from_a_factor_to_its_variable() -> None:
    (axes,) = plots.model(Radio(), step=3).axes
    arrows = [p for p in axes.patches if isinstance(p, FancyArrowPatch)]

    assert len(arrows) == 5  # two states, two observations, and the action with a habit
    for arrow in arrows:
        (x0, y0), (x1, y1) = arrow._posA_posB  # type: ignore[attr-defined]
        assert x1 > x0
        assert y1 == y0


def test_factors_have_the_color_of_what_they_say() -> None:
    figure = plots.model(Radio(), step=3)

    gray = to_hex("0.5")
    expected = [to_hex(c) for c in (BLACK, BLACK, gray, gray, ORANGE, PURPLE)]
    assert colors(figure.axes[0]) == expected
    names = ["transition", "likelihood", "preference", "habit", "parent of the same step"]
    assert legend(figure) == names


def test_the_legend_leaves_out_what_is_not_there() -> None:
    assert legend(plots.model(TMaze())) == ["transition", "likelihood", "preference"]
    assert legend(plots.model(compile_program(TMaze()))) == ["transition", "likelihood"]


def test_dependences_within_a_step_are_dashed() -> None:
    (axes,) = plots.model(Radio(), step=3).axes

    dashed = [line for line in axes.get_lines() if line.get_linestyle() == "--"]
    assert len(dashed) == 3  # band on on, sound on light, and its preference on light
    lefts, rights = ({box[side] for box in rectangles(axes)} for side in (0, 1))
    for line, sides in zip(dashed, (lefts, lefts, rights), strict=True):  # a preference is behind
        assert min(abs(line.get_xdata()[0] - side) for side in sides) < 1e-9


def test_controls_are_numbered_where_there_are_several() -> None:
    (axes,) = plots.model(Radio()).axes

    assert {"action 0\n2 values", "action 1\n3 values"} <= boxes(axes).keys()


def test_a_model_without_actions_has_no_column_for_them() -> None:
    model = POMDP([np.eye(2)], [np.eye(2)[..., None]])
    (axes,) = plots.model(model).axes

    assert not [text for text in axes.texts if "action" in text.get_text()]


def test_a_model_that_is_not_discrete_is_refused() -> None:
    class Drift(TMaze):
        def initial(self) -> None:  # type: ignore[override]
            pyro.sample("drift", dist.Normal(0.0, 1.0))

    with pytest.raises(ValueError, match=r"`site 'drift' of initial`: expected a .* finite"):
        plots.model(Drift())


def test_it_may_be_drawn_on_given_axes_or_in_a_size() -> None:
    panel = Figure().subplots()

    assert plots.model(TMaze(), axes=panel) is panel.figure
    assert boxes(panel)
    assert plots.model(TMaze(), figsize=(5.0, 3.0)).get_size_inches().tolist() == [5.0, 3.0]
