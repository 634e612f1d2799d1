"""What drawings of nodes and edges share: boxes measured in inches, text in them, edges between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ._canvas import ABOVE, BLACK, WIDTH, given_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FONT = "small"
LINE = 0.16  # inches from one line of text to the next
SCREEN = 1.04  # letters are rounded up to whole pixels there
PAD = 0.06  # inches between a text and its box
MARGIN = 0.15  # inches around a drawing
COLUMNS = 3  # of a legend
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A node: its center and size in inches; y grows downwards."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> Point:
        """Where edges from the left end."""
        return self.x - self.width / 2, self.y

    @property
    def right(self) -> Point:
        """Where edges to the right start."""
        return self.x + self.width / 2, self.y

    @property
    def top(self) -> float:
        """Upper edge."""
        return self.y - self.height / 2

    def overlaps(self, other: Box) -> bool:
        """Whether two boxes have a point in common."""
        wide = abs(self.x - other.x) < (self.width + other.width) / 2
        return wide and abs(self.y - other.y) < (self.height + other.height) / 2

    def meets(self, start: Point, end: Point) -> bool:
        """Whether a straight line passes through the box.

        Example:
            >>> box = Box(0.0, 0.0, 2.0, 1.0)
            >>> box.meets((-2.0, 0.0), (2.0, 0.4)), box.meets((-2.0, 0.0), (2.0, 3.0))
            (True, False)
        """
        across = _share(self.x, self.width, start[0], end[0])
        along = _share(self.y, self.height, start[1], end[1])
        return max(0.0, across[0], along[0]) <= min(1.0, across[1], along[1])


def _share(center: float, size: float, start: float, end: float) -> tuple[float, float]:
    """From where to where a way from ``start`` to ``end`` lies within an interval."""
    if start == end:
        inside = abs(start - center) <= size / 2
        return (-math.inf, math.inf) if inside else (math.inf, -math.inf)
    cuts = [(center + side * size / 2 - start) / (end - start) for side in (-1, 1)]
    return min(cuts), max(cuts)


def text_width(texts: Sequence[str]) -> float:
    """Inches that the widest of some texts takes; a text may have several lines."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    size = FontProperties(size=FONT).get_size_in_points()
    lines = {line for text in texts for line in text.split("\n") if line.strip()}
    widths = [TextPath((0, 0), line, size=size).vertices[:, 0].max() for line in lines]
    return SCREEN * float(max(widths, default=0.0)) / 72


def drawing_area(
    size: tuple[float, float],
    legend: Sequence[Artist],
    below: float,
    axes: Axes | None,
    figsize: tuple[float, float] | None,
) -> tuple[Figure, Axes]:
    """Axes whose units are inches, y downwards; without a frame, with a legend above.

    Args:
        size: width and height of the drawing in inches.
        legend: its handles.
        below: inches for what is written below the drawing.
        axes: instead of a new figure.
        figsize: of the new figure, instead of one that fits.
    """
    width, height = size
    if axes is not None:
        figure, (area,) = given_axes(axes, ["drawing"])
    else:
        rows = -(-len(legend) // COLUMNS)
        inches = height + 2 * MARGIN + 0.25 * rows + below
        figure = new_figure(figsize or (max(WIDTH, width + 2 * MARGIN), inches))
        area = figure.subplots()
    spare = max(0.0, WIDTH - 2 * MARGIN - width) / 2
    area.set(xlim=(-spare, width + spare), ylim=(height, 0.0), aspect="equal")
    area.spines[:].set_visible(False)
    area.set_xticks([])
    area.set_yticks([])
    area.legend(handles=list(legend), ncols=COLUMNS, **ABOVE)
    return figure, area


def draw_box(axes: Axes, box: Box, rounding: float = 0.0, **style: Any) -> None:
    """A rectangle with round corners of this radius in inches."""
    from matplotlib.patches import FancyBboxPatch

    corner = (box.x - box.width / 2, box.top)
    shape = f"round,pad=0,rounding_size={rounding}" if rounding else "square,pad=0"
    given: dict[str, Any] = {
        "facecolor": "white",
        "edgecolor": BLACK,
        "linewidth": 0.9,
        "zorder": 2,
    } | style
    axes.add_patch(FancyBboxPatch(corner, box.width, box.height, boxstyle=shape, **given))


def draw_edge(axes: Axes, start: Point, end: Point, arrow: bool = False, **style: Any) -> None:
    """A straight line, with an arrow head at its end where asked for."""
    from matplotlib.patches import FancyArrowPatch

    given: dict[str, Any] = {"color": "0.35", "linewidth": 0.9, "zorder": 1} | style
    if arrow:
        tip: dict[str, Any] = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "mutation_scale": 8}
        axes.add_patch(FancyArrowPatch(start, end, **tip, **given))
    else:
        axes.plot(*zip(start, end, strict=True), solid_capstyle="butt", **given)


def write(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Text centered at a point."""
    given: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": FONT, "zorder": 4} | style
    axes.text(x, y, text, **given)


def label_positions(lines: Sequence[tuple[Point, Point]], width: float) -> list[Box]:
    """A place for the label of each line, on it, away from other labels and lines.

    Args:
        lines: straight ones, by their ends, from the left to the right.
        width: of every label, in inches.
    """
    found: list[Box] = []
    for i, (start, end) in enumerate(lines):
        others = [line for j, line in enumerate(lines) if j != i]
        places = [Box(*point, width, LINE) for point in _places(start, end, width)]
        costs = [
            10 * sum(place.overlaps(box) for box in found)
            + sum(place.meets(*other) for other in others)
            for place in places
        ]
        found.append(places[int(np.argmin(costs))])
    return found


def _places(start: Point, end: Point, width: float) -> list[Point]:
    """Points of a line that are far enough from its ends, those in the middle first."""
    ends = np.array([start, end])
    margin = min(0.5, (width / 2 + 0.02) / (end[0] - start[0]))
    fractions = np.linspace(margin, 1.0 - margin, 13)
    nearest = sorted(fractions, key=lambda fraction: abs(fraction - 0.5))
    return [(float(x), float(y)) for x, y in (ends[0] + f * (ends[1] - ends[0]) for f in nearest)]
