"""The factor graph of one step of a model: what each variable depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..compile import Programs, Role, Tables, Variable
from ._canvas import BLACK, GREEN, ORANGE, PURPLE, VERMILION
from ._controls import control_names
from ._diagram import (
    LINE,
    PAD,
    Box,
    Point,
    draw_box,
    draw_edge,
    drawing_area,
    text_width,
    write,
)
from ._step_graph import Factor, Kind, StepGraph, step_graph

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PITCH = 0.52  # inches from one variable of a column to the next
HEIGHT = 2 * LINE + PAD
NAME = 2.2 * LINE  # inches for the name of a column
SQUARE = 0.12  # inches: a factor
SAME: dict[str, Any] = {"color": VERMILION, "linestyle": "--"}
COLUMNS = {
    Role.STATE: "previous state\n$s_{t-1}$",
    Role.CONTROL: "action\n$u_{t-1}$",
    Role.NEXT: "next state\n$s_t$",
    Role.OUTCOME: "observation\n$o_t$",
}
LOOKS: dict[Role, dict[str, Any]] = {
    Role.STATE: {"rounding": HEIGHT / 2},
    Role.CONTROL: {"facecolor": "#D9EFE7", "edgecolor": GREEN},
    Role.NEXT: {"rounding": HEIGHT / 2},
    Role.OUTCOME: {"rounding": HEIGHT / 2, "facecolor": "0.85"},
}
SQUARES: dict[Kind, str] = {
    Kind.TRANSITION: BLACK,
    Kind.LIKELIHOOD: "0.5",
    Kind.PREFERENCE: ORANGE,
    Kind.HABIT: PURPLE,
}
DISTANCES = {  # inches from a variable to its factor, which stands before or behind it
    Kind.TRANSITION: -0.45,
    Kind.LIKELIHOOD: -0.45,
    Kind.PREFERENCE: 0.3,
    Kind.HABIT: -0.3,
}


def model(
    model_or_tables: Programs | Tables,
    step: int = 1,
    axes: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    r"""Draw which variables of one step of a discrete program depend on which.

    .. math::
        \prod_f p(s^f_t | pa(s^f_t)) \prod_m p(o^m_t | pa(o^m_t)) \, \tilde p(o^m_t)

    Columns are the previous state, the action, the next state and the observations; below each
    name stands the number of values. Small squares are factors: the tables of
    :func:`~pyro_activeinf.compile.compile_program`, tied to the parents that the program really
    used, with an arrow to the variable that they are of. Dashed edges come from parents that are
    sampled in the same step.

    Args:
        model_or_tables: a discrete :class:`~pyro_activeinf.GenerativeModel`, or its tables (which
            hold neither preferences nor a habit).
        step: the time index of the observations, where preferences depend on it.
        axes: instead of a new figure.
        figsize: width and height in inches.

    Raises:
        ValueError: for a program that does not compile to tables, or a wrong number of axes.

    Reference: Kschischang, Frey and Loeliger (2001), "Factor graphs and the sum-product
    algorithm", IEEE Transactions on Information Theory 47; Loeliger (2004) for directed edges.

    Example:
        >>> from pyro_activeinf.models import TMaze
        >>> figure = model(TMaze())
        >>> [text.get_text().split("\n") for text in figure.axes[0].texts][-6:-4]
        [['position', '5 values'], ['reward', '3 values']]
    """
    graph = step_graph(model_or_tables, step)
    boxes, size = _boxes(graph)
    figure, area = drawing_area(size, _legend(graph), 0.0, axes, figsize)
    for variable, box in boxes.items():
        draw_box(area, box, **LOOKS[variable.role])
        write(area, box.x, box.y, _text(variable, graph))
    for factor in graph.factors:
        _draw_factor(area, factor, boxes)
    for role in filter(graph.column, COLUMNS):
        top = boxes[graph.column(role)[0]]
        write(area, top.x, top.top - NAME / 2, COLUMNS[role])
    return figure


def _text(variable: Variable, graph: StepGraph) -> str:
    name = variable.name
    if variable.role is Role.CONTROL:
        names = control_names(len(graph.column(Role.CONTROL)))
        name = names[int(name.removeprefix("action_"))].replace("_", " ")
    count = graph.sizes[variable]
    return f"{name}\n{count} value{'s' if count > 1 else ''}"


def _boxes(graph: StepGraph) -> tuple[dict[Variable, Box], tuple[float, float]]:
    """Where the variables stand, and the size of the drawing; actions are above the states."""
    columns = {role: graph.column(role) for role in COLUMNS if graph.column(role)}
    boxes: dict[Variable, Box] = {}
    right = PAD - _gap(graph, next(iter(columns)))
    for role, column in columns.items():
        texts = [COLUMNS[role], *(_text(variable, graph) for variable in column)]
        width = text_width(texts) + 4 * PAD
        right += _gap(graph, role) + width
        for i, variable in enumerate(column):
            y = NAME + PITCH * (_first_row(graph, role) + i) + HEIGHT / 2
            boxes[variable] = Box(right - width / 2, y, width, HEIGHT)
    bottom = max(box.y + box.height / 2 for box in boxes.values())
    return boxes, (right + _room_for_preferences(graph), bottom + PAD)


def _first_row(graph: StepGraph, role: Role) -> float:
    """Where a column starts: actions above, the others beside each other around a middle line."""
    controls, states, own = (len(graph.column(r)) for r in (Role.CONTROL, Role.STATE, role))
    tallest = max(states, len(graph.column(Role.OUTCOME)))
    if role is Role.CONTROL:
        return (tallest - states) / 2
    return controls + (NAME / PITCH if controls else 0.0) + (tallest - own) / 2


def _gap(graph: StepGraph, role: Role) -> float:
    """Inches before a column: more where edges are steep."""
    rows = max(len(graph.column(Role.STATE)), len(graph.column(Role.OUTCOME)))
    return 0.25 if role is Role.CONTROL else 0.9 + 0.09 * rows


def _room_for_preferences(graph: StepGraph) -> float:
    return 0.45 if any(f.kind is Kind.PREFERENCE for f in graph.factors) else PAD


def _draw_factor(axes: Axes, factor: Factor, boxes: Mapping[Variable, Box]) -> None:
    child, distance = boxes[factor.child], DISTANCES[factor.kind]
    before = distance < 0
    x = distance + (child.left if before else child.right)[0]
    square = Box(x, child.y, SQUARE, SQUARE)
    draw_box(axes, square, facecolor=SQUARES[factor.kind], zorder=3)
    for parent in factor.parents:
        same = parent in factor.within_step
        start, end = _ends(boxes[parent], square, same and before)
        draw_edge(axes, start, end, **(SAME if same else {}))
    start, end = _ends(child, square, before)
    draw_edge(axes, end, start, arrow=before)


def _ends(variable: Box, factor: Box, to_the_left: bool) -> tuple[Point, Point]:
    """Ends of an edge from a variable to a factor."""
    return (variable.left, factor.right) if to_the_left else (variable.right, factor.left)


def _legend(graph: StepGraph) -> Sequence[Artist]:
    from matplotlib.lines import Line2D

    kinds = [kind for kind in Kind if any(factor.kind is kind for factor in graph.factors)]
    point: dict[str, Any] = {"linestyle": "none", "markeredgecolor": BLACK, "markersize": 6}
    handles = [
        Line2D([], [], marker="s", color=SQUARES[kind], label=kind.value, **point) for kind in kinds
    ]
    if any(factor.within_step for factor in graph.factors):
        handles.append(Line2D([], [], label="parent of the same step", **SAME))
    return handles
