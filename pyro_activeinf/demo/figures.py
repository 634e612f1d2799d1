"""The figures of the demonstration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from .. import plots
from ..records import PolicyPosterior, Trajectory
from .files import write
from .results import Results, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Labels = Mapping[str, Sequence[str]]
BLUE = "#0072B2"
SHOWN = 7  # policies in the overview


def save_figures(
    output: Path,
    trial: Trajectory,
    plans: Sequence[PolicyPosterior],
    results: Results,
    labels: Labels,
) -> None:
    """Write every figure as PNG.

    Args:
        output: folder that exists.
        trial: one episode.
        plans: the posterior over policies at each step of the trial.
        results: the rates to compare.
        labels: names of the values of each site, and of ``action``.
    """
    figures = {
        "beliefs": plots.beliefs(trial, labels=labels),
        "policies": plots.policies(plans[0], labels=labels),
        "free_energy": plots.free_energy(trial),
        "overview": overview(trial, plans, labels),
        "comparison": comparison(results),
    }
    for name, figure in figures.items():
        write(output / f"{name}.png", partial(figure.savefig, dpi=200))


def overview(trial: Trajectory, plans: Sequence[PolicyPosterior], labels: Labels) -> Figure:
    """What an agent believed, saw and did, beside what its policies were worth at each step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.5, 5), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=(5, 6))
    strips = [*trial.beliefs, *trial.observations, "action"]
    heights = [len(labels[name]) + 1 for name in strips]
    panels = grid[0].subgridspec(len(strips), 1, height_ratios=heights)
    drawn = panels.subplots(sharex=True, squeeze=False)
    plots.beliefs(trial, labels=labels, axes=[panel for (panel,) in drawn])
    bars = grid[1].subgridspec(len(plans), 2, width_ratios=(3, 1)).subplots(squeeze=False)
    for step, (plan, axes) in enumerate(zip(plans, bars, strict=True)):
        plots.policies(plan, n=SHOWN, labels=labels, axes=axes)
        axes[1].set_title(f"time step {step}", fontsize="medium")
    return figure


def comparison(results: Results) -> Figure:
    """A bar with a 95 % confidence interval for each agent; a hatched one for the optimum."""
    from matplotlib.figure import Figure

    groups = [list(rows) for _, rows in groupby(results.rows, lambda row: (row.world, row.measure))]
    figure = Figure(figsize=(7.2, 1.2 * len(groups) + 0.4), layout="constrained")
    panels = figure.subplots(len(groups), 1, sharex=True)
    for axes, rows in zip(panels, groups, strict=True):
        _bars(axes, rows)
    _optimum_bar(panels[-1], groups[-1], results.optimum)
    panels[-1].set(xlim=(0, 1.02), xlabel="rate, with its 95 % confidence interval")
    return figure


def _bars(axes: Axes, rows: Sequence[Row]) -> None:
    rates = [row.proportion.rate for row in rows]
    bounds = [row.proportion.interval() for row in rows]
    below = [rate - low for rate, (low, _) in zip(rates, bounds, strict=True)]
    above = [high - rate for rate, (_, high) in zip(rates, bounds, strict=True)]
    axes.barh(range(len(rows)), rates, xerr=(below, above), color=BLUE, capsize=3)
    axes.set_yticks(range(len(rows)), [row.agent for row in rows])
    axes.invert_yaxis()
    title = f"{rows[0].world}: {rows[0].measure} (n = {rows[0].proportion.trials})"
    axes.set_title(title, loc="left", fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)


def _optimum_bar(axes: Axes, rows: Sequence[Row], optimum: float) -> None:
    axes.barh(len(rows), optimum, facecolor="white", edgecolor="black", hatch="////")
    axes.set_yticks(range(len(rows) + 1), [*(row.agent for row in rows), "optimal policy"])
