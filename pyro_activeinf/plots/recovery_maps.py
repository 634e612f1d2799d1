"""How much of simulated subjects is recovered: parameters, ranks and models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..behavior import Calibration, ModelRecovery, Recovery
from ..behavior.checks.recover import entries
from ._canvas import BLACK, BLUE, PROBABILITY, WIDTH, array, given_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE = 2.4  # inches
MANY = 400  # subjects, above which intervals hide each other


def recovery(
    found: Recovery,
    axes: Sequence[Axes] | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw estimated against true values of each parameter, with intervals of the posterior.

    Args:
        found: what :func:`~pyro_activeinf.behavior.recover` returned.
        axes: one for each parameter, instead of a new figure.
        figsize: width and height in inches.

    Raises:
        ValueError: for a wrong number of axes.

    Example:
        >>> from pyro_activeinf import behavior
        >>> true = torch.linspace(0, 1, 20).reshape(1, 20)
        >>> values = [{"rate": true + d} for d in (0.0, 0.02, 0.0, -0.1, 0.1)]
        >>> figure = recovery(behavior.Recovery(*values, mass=0.9, by_subject={}))
        >>> figure.axes[0].get_title(loc="left")
        'rate: r = 1.00, coverage 100%'
    """
    names = [label for name, true in found.true.items() for label in entries(name, true.shape[2:])]
    figure, panels = _side_by_side(names, axes, figsize, SIDE + 0.2)
    table = found.summary()
    flat = {
        part: torch.cat(
            [value.reshape(*value.shape[:2], -1).flatten(0, 1) for value in each.values()], -1
        )
        for part, each in (
            ("true", found.true),
            ("estimated", found.estimated),
            ("low", found.low),
            ("high", found.high),
        )
    }
    for i, (panel, name) in enumerate(zip(panels, names, strict=True)):
        true, estimated, low, high = (array(value[:, i]) for value in flat.values())
        ends = (min(true.min(), estimated.min()), max(true.max(), estimated.max()))
        panel.plot(ends, ends, color="0.6", linewidth=0.8, zorder=0)
        if len(true) <= MANY:
            panel.vlines(true, low, high, color=BLUE, alpha=0.3, linewidth=0.8)
        size = 3.0 if len(true) <= MANY else 1.5
        panel.plot(true, estimated, "o", color=BLUE, markersize=size, alpha=0.7, linestyle="none")
        row = table.loc[name]
        text = f"{name}: r = {row['correlation']:.2f}, coverage {row['coverage']:.0%}"
        panel.set_title(text, loc="left", fontsize="small")
        panel.set_xlabel("true")
    panels[0].set_ylabel(f"posterior mean, {found.mass:.0%} interval")
    return figure


def ranks(
    found: Calibration,
    bins: int = 20,
    axes: Sequence[Axes] | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw histograms of the ranks above, and differences of their ECDF from a uniform one below.

    Shaded is where uniform ranks are: 95 % of each bar, 95 % of whole curves.

    Args:
        found: what :func:`~pyro_activeinf.behavior.calibrate` returned.
        bins: of the histogram; a divisor of the number of ranks.
        axes: those of the histograms, then those of the curves, instead of a new figure.
        figsize: width and height in inches.

    Raises:
        ValueError: for a wrong number of axes or bins.

    Example:
        >>> from pyro_activeinf import behavior
        >>> _ = torch.manual_seed(0)
        >>> found = behavior.Calibration({"rate": torch.randint(100, (500,))}, draws=99)
        >>> ranks(found).axes[1].get_ylabel()
        'ECDF difference'
    """
    names = [label for name, each in found.ranks.items() for label in entries(name, each.shape[1:])]
    figure, panels = _grid(names, axes, figsize)
    width = (found.draws + 1) // bins
    parts = {
        "counts": found.counts(bins),
        "p": found.p_values(bins),
        "curves": found.ecdf_differences(),
    }
    counts, curves = (
        torch.cat([each.reshape(len(each), -1) for each in parts[part].values()], -1)
        for part in ("counts", "curves")
    )
    p_values = torch.cat([each.reshape(-1) for each in parts["p"].values()])
    low, high = found.bands()
    levels = np.arange(found.draws + 1)
    total = float(counts[:, 0].sum())
    expected, spread = total / bins, (total / bins * (1 - 1 / bins)) ** 0.5
    for i, name in enumerate(names):
        above, below = panels[i], panels[len(names) + i]
        above.axhspan(expected - 1.96 * spread, expected + 1.96 * spread, color="0.9", zorder=0)
        above.bar(width * (np.arange(bins) + 0.5), array(counts[:, i]), 0.9 * width, color=BLUE)
        above.set_title(f"{name}: p = {float(p_values[i]):.2f}", loc="left", fontsize="small")
        below.fill_between(levels, array(low), array(high), color="0.9", step="mid", linewidth=0)
        below.plot(levels, array(curves[:, i]), color=BLUE, drawstyle="steps-mid")
        below.axhline(0.0, color="0.6", linewidth=0.8)
        below.set_xlabel("rank")
    panels[0].set_ylabel("data sets")
    panels[len(names)].set_ylabel("ECDF difference")
    return figure


def confusion(
    found: ModelRecovery,
    axes: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw how often data of each model are taken for those of each other one.

    Args:
        found: what :func:`~pyro_activeinf.behavior.recover_models` returned.
        axes: one to draw on, instead of a new figure.
        figsize: width and height in inches.

    Example:
        >>> from pyro_activeinf import behavior
        >>> scores = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
        >>> figure = confusion(behavior.ModelRecovery(("a", "b"), scores))
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['100%', '0%', '0%', '100%']
    """
    count = len(found.names)
    if axes is not None:
        figure, (panel,) = given_axes(axes, ["confusion"])
    else:
        figure = new_figure(figsize or (0.75 * count + 2.2, 0.6 * count + 1.6))
        panel = figure.subplots()
    table = array(found.confusion)
    panel.imshow(table, cmap=PROBABILITY, vmin=0.0, vmax=1.0)
    for i, row in enumerate(table):
        for j, share in enumerate(row):
            color = "white" if share > 0.5 else BLACK
            panel.text(
                j, i, f"{share:.0%}", ha="center", va="center", color=color, fontsize="small"
            )
    panel.set_xticks(range(count), found.names, rotation=30, ha="right", fontsize="small")
    panel.set_yticks(range(count), found.names, fontsize="small")
    panel.set(xlabel="model that is chosen", ylabel="model that made the data")
    return figure


def _side_by_side(
    names: Sequence[str],
    axes: Sequence[Axes] | None,
    figsize: tuple[float, float] | None,
    height: float,
) -> tuple[Figure, list[Axes]]:
    if axes is not None:
        return given_axes(axes, names)
    figure = new_figure(figsize or (max(WIDTH / 2, SIDE * len(names)), height))
    return figure, list(figure.subplots(1, len(names), squeeze=False)[0])


def _grid(
    names: Sequence[str], axes: Sequence[Axes] | None, figsize: tuple[float, float] | None
) -> tuple[Figure, list[Axes]]:
    """Two rows of panels."""
    if axes is not None:
        return given_axes(axes, [*names, *names])
    figure = new_figure(figsize or (max(WIDTH / 2, SIDE * len(names)), 3.6))
    rows = figure.subplots(2, len(names), squeeze=False, sharey="row", sharex=True)
    return figure, [*rows[0], *rows[1]]
