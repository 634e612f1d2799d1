"""What an animation shows of a time step: a grid, or bars of every marginal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ..records import Trajectory
from ._canvas import (
    BLUE,
    GREEN,
    LEGEND,
    VERMILION,
    WIDTH,
    Array,
    Labels,
    array,
    color_bar,
    height_of_rows,
    name_rows,
    new_figure,
)
from ._controls import Control, controls_of
from ._grid_view import GridView
from .grid_maps import step_texts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAP = 3.6  # inches: the longer side of a grid
BARS = 2.4  # inches: bars beside a grid
BELIEF = "0.25"


class Scene(ABC):
    """A figure that is drawn anew for each row of a trajectory."""

    figure: Figure

    def __init__(self, trajectory: Trajectory, labels: Labels) -> None:
        self.controls = controls_of(trajectory)
        self.labels = labels
        self.titles = step_texts(trajectory)

    @abstractmethod
    def draw(self, row: int) -> None:
        """Draw one row."""

    def _finish(self, bars: Sequence[Axes], row: int) -> None:
        """Draw the controls in the last of some panels of bars, and name the row."""
        controls = bars[len(bars) - len(self.controls) :]
        for panel, control in zip(controls, self.controls, strict=True):
            _draw_control(panel, control, row, self.labels.get(control.name))
        for panel in bars:
            panel.tick_params(axis="x", labelbottom=panel is bars[-1])
        bars[-1].set_xlabel("probability")
        text = self.titles[row].replace("\n", ", ")
        self.figure.suptitle(f"{text}\n", fontsize="medium", fontweight="bold", linespacing=0.5)


class GridScene(Scene):
    """A grid, with the probabilities of the actions beside it."""

    def __init__(self, trajectory: Trajectory, labels: Labels, view: GridView) -> None:
        super().__init__(trajectory, labels)
        self.view = view
        rows, columns = view.span
        cell = MAP / max(rows, columns)
        width, self.height = max(1.5, cell * columns), max(1.5, cell * rows)
        self.figure = new_figure((width + BARS + 1.6, self.height + 1.1))
        grid = self.figure.add_gridspec(1, 2, width_ratios=(width, BARS))
        self.map = self.figure.add_subplot(grid[0])
        bars = grid[1].subgridspec(len(self.controls), 1)
        self.bars = [self.figure.add_subplot(bars[f]) for f in range(len(self.controls))]

    def draw(self, row: int) -> None:
        """Draw one row."""
        first = not self.map.has_data()
        self.map.clear()
        image = self.view.draw(self.map, row)
        if first:
            color_bar(image, [self.map], [self.height], f"probability q({self.view.site})")
            handles = self.view.legend()
            self.figure.legend(handles=handles, ncols=4, loc="outside lower left", **LEGEND)
        self._finish(self.bars, row)


class MarginalScene(Scene):
    """Bars for each state site, for each observation site, and for each control of the action."""

    def __init__(self, trajectory: Trajectory, labels: Labels) -> None:
        super().__init__(trajectory, labels)
        beliefs = {site: array(probs) for site, probs in trajectory.beliefs.items()}
        seen = {site: one_hot(array(v), labels.get(site)) for site, v in counted(trajectory)}
        self.bars = [
            *((site, f"belief q({site})", probs, BELIEF) for site, probs in beliefs.items()),
            *((site, f"observation: {site}", probs, BLUE) for site, probs in seen.items()),
        ]
        sizes = [(name, probs.shape[-1]) for name, _, probs, _ in self.bars]
        sizes += [(control.name, control.size) for control in self.controls]
        heights = [height_of_rows(size, labels.get(name)) for name, size in sizes]
        self.figure = new_figure((0.7 * WIDTH, sum(heights) + 0.42 * len(heights) + 0.8))
        ratios = {"height_ratios": heights}
        drawn = self.figure.subplots(len(sizes), squeeze=False, gridspec_kw=ratios)
        self.panels = list(drawn[:, 0])

    def draw(self, row: int) -> None:
        """Draw one row."""
        for panel, (name, title, probs, color) in zip(self.panels, self.bars, strict=False):
            draw_bars(panel, probs[row], color, self.labels.get(name))
            panel.set_title(title, loc="left", fontsize="small")
        self._finish(self.panels, row)


def counted(trajectory: Trajectory) -> Iterator[tuple[str, Tensor]]:
    """The observation sites whose values are counts: integers, one at a time."""
    for site, values in trajectory.observations.items():
        if values.dim() == 1 and not values.is_floating_point():
            yield site, values


def one_hot(values: Array, names: Sequence[str] | None) -> Array:
    """A 1 at each value ``(time,)``, as ``(time, values)``; nothing where it is missing.

    Example:
        >>> one_hot(np.array([1, -1]), None)
        array([[0., 1.],
               [0., 0.]])
    """
    size = max(int(values.max(initial=0)) + 1, len(names or ()))
    return (values[:, None] == np.arange(size)).astype(float)


def _draw_control(axes: Axes, control: Control, row: int, names: Sequence[str] | None) -> None:
    draw_bars(axes, np.nan_to_num(control.probs[row]), GREEN, names)
    taken = int(control.taken[row])
    title = control.title if taken >= 0 else f"{control.title}: no plan"
    axes.set_title(title, loc="left", fontsize="small")
    if taken >= 0:
        style: dict[str, Any] = {
            "color": VERMILION,
            "fillstyle": "none",
            "markeredgewidth": 1.8,
            "clip_on": False,
        }
        axes.plot(control.probs[row, taken], taken, "o", label="taken", **style)
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), borderpad=0.0, **LEGEND)


def draw_bars(axes: Axes, probs: Array, color: str, names: Sequence[str] | None) -> None:
    """Draw probabilities as bars in place of what was drawn before."""
    axes.clear()
    axes.barh(np.arange(len(probs)), probs, color=color)
    name_rows(axes, len(probs), names)
    axes.set_xlim(0.0, 1.0)
