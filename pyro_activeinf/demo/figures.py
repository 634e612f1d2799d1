"""The figures of the demonstration."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .. import plots
from ..records import Trajectory
from .files import write
from .results import Results, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE = "#0072b2", "#e69f00"


def save_figures(output: Path, trial: Trajectory, results: Results) -> None:
    """Write ``beliefs.png``, ``policies.png``, ``free_energy.png`` and ``comparison.png``."""
    figures = {
        "beliefs": plots.beliefs(trial),
        "policies": plots.policies(trial),
        "free_energy": plots.free_energy(trial),
        "comparison": comparison(results),
    }
    for name, figure in figures.items():
        write(output / f"{name}.png", partial(figure.savefig, dpi=150))


def comparison(results: Results) -> Figure:
    """Rates with 95 % confidence intervals: the T-maze on the left, FrozenLake on the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    maze, lake = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    *tmaze_rows, lake_row = results.rows
    _maze_bars(maze, tmaze_rows)
    _lake_bar(lake, lake_row, results.optimum)
    maze.set(ylabel="share of trials", ylim=(0, 1.05))
    for axes in (maze, lake):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _maze_bars(axes: Axes, rows: Sequence[Row]) -> None:
    agents = dict.fromkeys(row.agent for row in rows)
    measures = list(dict.fromkeys(row.measure for row in rows))
    for agent, color, shift in zip(agents, (BLUE, ORANGE), (-0.18, 0.18), strict=True):
        own = [row for row in rows if row.agent == agent]
        _bars(axes, [measures.index(row.measure) + shift for row in own], own, color, agent)
    axes.set_xticks(range(len(measures)), measures)
    axes.set_title(f"{rows[0].world}, {rows[0].proportion.trials} trials each")
    axes.legend(frameon=False)


def _lake_bar(axes: Axes, row: Row, optimum: float) -> None:
    _bars(axes, [0], [row], BLUE, row.agent)
    axes.axhline(optimum, color="black", linestyle="--", linewidth=1, label="optimal policy")
    axes.set_xticks([0], [row.measure])
    axes.set(xlim=(-0.5, 0.5), title=f"{row.world}, {row.proportion.trials} episodes")
    axes.legend(frameon=False)


def _bars(axes: Axes, places: Sequence[float], rows: Sequence[Row], color: str, label: str) -> None:
    rates = [row.proportion.rate for row in rows]
    bounds = [row.proportion.interval() for row in rows]
    below = [rate - low for rate, (low, _) in zip(rates, bounds, strict=True)]
    above = [high - rate for rate, (_, high) in zip(rates, bounds, strict=True)]
    axes.bar(places, rates, 0.34, color=color, label=label)
    axes.errorbar(places, rates, (below, above), fmt="none", ecolor="black", capsize=3)
