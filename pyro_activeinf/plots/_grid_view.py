"""What of a trajectory lies in a grid, and how a time step of it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import complain, known_names
from ..records import Trajectory
from ._canvas import BLUE, GREEN, ORANGE, VERMILION, Array, array, heat_map
from .grid import Grid

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

UNLIKELY = 0.05  # actions of at most this probability are not drawn
WALL: dict[str, Any] = {"facecolor": "0.85", "edgecolor": "0.45", "hatch": "xxxx", "linewidth": 0.0}
ARROW: dict[str, Any] = {
    "angles": "xy",
    "scale_units": "xy",
    "scale": 1.0,
    "units": "inches",
    "width": 0.03,
    "headwidth": 3.5,
    "headlength": 4.0,
    "headaxislength": 4.0,
    "edgecolor": "white",
    "linewidth": 0.5,
    "zorder": 3,
}


@dataclass(frozen=True)
class GridView:
    """Beliefs, observations and actions of one agent, in a grid."""

    grid: Grid
    site: str
    beliefs: Array  # (time, rows, columns)
    observed: Array  # (time,): number of a cell, -1 where there is none
    taken: Array  # (time,): an action, -1 where there is none
    action_probs: Array  # (time, actions), NaN where there is no plan

    @staticmethod
    def of(grid: Grid, trajectory: Trajectory) -> GridView:
        """Look at a trajectory of one agent.

        Raises:
            ValueError: where the site, the observations or the actions do not fit the grid.
        """
        site = grid.site_of(trajectory)
        taken, action_probs = _actions(grid, trajectory)
        return GridView(
            grid,
            site,
            array(trajectory.beliefs[site]).reshape(-1, *grid.shape),
            _observed(grid, trajectory),
            taken,
            action_probs,
        )

    @property
    def top(self) -> float:
        """The largest probability of a cell."""
        return float(np.nanmax(self.beliefs))

    @property
    def _unit(self) -> float:
        """Cells that an arrow spans: more where cells are small."""
        return max(0.85, 0.1 * max(self.grid.shape))

    @property
    def span(self) -> tuple[float, float]:
        """Rows and columns of a panel, with a margin for arrows that point over the edge."""
        rows, columns = self.grid.shape
        margin = 2 * self._unit - 1.0
        return rows + margin, columns + margin

    @property
    def _others(self) -> Array:
        """Actions ``(time, actions)`` that might have been taken, but were not."""
        taken = self.taken[:, None] == np.arange(self.action_probs.shape[-1])
        likely: Array = np.nan_to_num(self.action_probs) > UNLIKELY
        return likely & ~taken

    def draw(self, axes: Axes, row: int) -> AxesImage:
        """Draw one time step."""
        image = heat_map(axes, self.beliefs[row], self.top)
        axes.set_aspect("equal")
        (rows, columns), (high, wide) = self.grid.shape, self.span
        axes.set_xlim((columns - 1 - wide) / 2, (columns - 1 + wide) / 2)
        axes.set_ylim((rows - 1 + high) / 2, (rows - 1 - high) / 2)
        axes.set_axis_off()
        self._draw_cells(axes)
        self._draw_observed(axes, row)
        self._draw_actions(axes, row)
        return image

    def _draw_cells(self, axes: Axes) -> None:
        from matplotlib.patches import Rectangle

        rows, columns = self.grid.shape
        missing: dict[str, Any] = {
            "facecolor": "white",
            "edgecolor": "0.75",
            "hatch": "////",
            "linewidth": 0.0,
        }
        axes.add_patch(Rectangle((-0.5, -0.5), columns, rows, zorder=-1, **missing))
        axes.add_patch(Rectangle((-0.5, -0.5), columns, rows, fill=False, zorder=1.4))
        lines: dict[str, Any] = {"color": "0.75", "linewidth": 0.6, "zorder": 1.2}
        axes.vlines(np.arange(0.5, columns - 1), -0.5, rows - 0.5, **lines)
        axes.hlines(np.arange(0.5, rows - 1), -0.5, columns - 0.5, **lines)
        for row, column in self.grid.walls:
            axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1.0, 1.0, **WALL))
        for (row, column), text in self.grid.marks.items():
            style: dict[str, Any] = {"color": GREEN, "fontsize": "small", "fontweight": "bold"}
            axes.text(column, row, text, ha="center", va="center_baseline", zorder=1.5, **style)

    def _draw_observed(self, axes: Axes, row: int) -> None:
        from matplotlib.patches import Circle

        if self.observed[row] >= 0:
            r, c = self.grid.cell(int(self.observed[row]))
            ring: dict[str, Any] = {"fill": False, "edgecolor": ORANGE, "linewidth": 1.8}
            axes.add_patch(Circle((c, r), 0.42 * self._unit, zorder=2, **ring))

    def _draw_actions(self, axes: Axes, row: int) -> None:
        """From the most probable cell: actions as long as they are probable, and the one taken."""
        taken = int(self.taken[row])
        likely = np.flatnonzero(self._others[row]).tolist()
        self._draw_arrows(axes, row, likely, self.action_probs[row][likely], BLUE)
        self._draw_arrows(axes, row, [taken] * (taken >= 0), np.ones(1), VERMILION)

    def _draw_arrows(
        self, axes: Axes, row: int, actions: Sequence[int], lengths: Array, color: str
    ) -> None:
        if actions:
            r, c = self.grid.cell(int(self.beliefs[row].argmax()))
            down, right = np.array([self.grid.moves[u] for u in actions], dtype=float).T
            scale = self._unit * lengths
            start = np.full(len(actions), c), np.full(len(actions), r)
            axes.quiver(*start, scale * right, scale * down, color=color, **ARROW)

    def legend(self) -> list[Artist]:
        """Handles for what is drawn beside the shades."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        ring: dict[str, Any] = {
            "linestyle": "none",
            "marker": "o",
            "fillstyle": "none",
            "markeredgewidth": 1.8,
        }
        handles: list[Artist] = []
        if (self.observed >= 0).any():
            handles.append(Line2D([], [], color=ORANGE, label="observed", **ring))
        if (self.taken >= 0).any():
            handles.append(_arrow_handle(VERMILION, "action taken"))
        if self._others.any():
            handles.append(_arrow_handle(BLUE, "others, by their probability"))
        return handles + ([Patch(**WALL, label="wall")] if self.grid.walls else [])


def _arrow_handle(color: str, text: str) -> Artist:
    from matplotlib.lines import Line2D
    from matplotlib.markers import CARETRIGHTBASE

    caret: dict[str, Any] = {"marker": CARETRIGHTBASE, "markersize": 7, "markevery": [1]}
    return Line2D([], [], color=color, linewidth=2.0, label=text, **caret)


def _observed(grid: Grid, trajectory: Trajectory) -> Array:
    if grid.observed is None:
        return np.full(len(trajectory.step), -1)
    known_names("observed", [grid.observed], list(trajectory.observations))
    values = array(trajectory.observations[grid.observed])
    cells = np.where(np.isnan(values), -1, values)
    if values.ndim != 1 or (cells != np.round(cells)).any() or cells.max() >= grid.size:
        expected = f"a site of cells, from 0 to {grid.size - 1}"
        raise ValueError(complain("observed", expected, f"'{grid.observed}': {values.tolist()}"))
    return cells.astype(int)


def _actions(grid: Grid, trajectory: Trajectory) -> tuple[Array, Array]:
    """The actions taken and the probabilities of all; none of them where there are no moves."""
    rows, choices = len(trajectory.step), tuple(trajectory.action_probs.shape[1:])
    if not len(grid.moves):
        return np.full(rows, -1), np.full((rows, 0), np.nan)
    if choices != (len(grid.moves),):
        expected = f"a (row, column) for each action, of which there are {choices}"
        way_out = "Give moves=() to draw no arrows."
        raise ValueError(complain("moves", expected, list(grid.moves), way_out))
    return array(trajectory.actions), array(trajectory.action_probs)
