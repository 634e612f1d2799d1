"""What a fit of behavior knows, and what it says about choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..behavior import Identifiability, LearningCurve
from ._canvas import BLACK, BLUE, LEGEND, ORANGE, WIDTH, array, given_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


STYLES = ((BLUE, "-", ""), (ORANGE, "--", "////"), ("0.4", ":", "...."))


def learning_curve(
    found: LearningCurve | dict[str, LearningCurve],
    axes: Axes | None = None,
    figsize: tuple[float, float] | None = None,
    mass: float = 0.9,
) -> Figure:
    """Draw shares of correct choices around reversals, and where a fit (or several) expects them.

    Args:
        found: what :func:`~pyro_activeinf.behavior.learning_curve` returned; or name of a model
            to its curve, for models of the same choices (three at most).
        axes: one to draw on, instead of a new figure.
        figsize: width and height in inches.
        mass: of replicated data within the band.

    Raises:
        ValueError: for a wrong number of axes.

    Example:
        >>> import torch
        >>> from pyro_activeinf import behavior
        >>> at = torch.arange(-2, 3)
        >>> share, draws = torch.full((5,), 0.7), torch.full((10, 5), 0.7)
        >>> figure = learning_curve(behavior.LearningCurve(at, at + 9, share, draws, draws))
        >>> figure.axes[0].get_xlabel()
        'trials since a reversal'
    """
    curves = {"model": found} if isinstance(found, LearningCurve) else found
    if axes is not None:
        figure, (panel,) = given_axes(axes, ["learning curve"])
    else:
        figure = new_figure(figsize or (0.7 * WIDTH, 2.8))
        panel = figure.subplots()
    panel.axvline(-0.5, color="0.6", linewidth=0.8)
    for (name, curve), style in zip(curves.items(), STYLES, strict=False):
        color, line, hatch = style
        at = array(curve.positions)
        low, high = (array(end) for end in curve.interval(mass))
        band: dict[str, Any] = {"color": color, "alpha": 0.2, "linewidth": 0, "hatch": hatch}
        panel.fill_between(at, low, high, label=f"{name}, {mass:.0%} of replications", **band)
        panel.plot(at, array(curve.expected.mean(0)), color=color, linestyle=line)
    first = next(iter(curves.values()))
    panel.plot(array(first.positions), array(first.observed), "o", color=BLACK, label="observed")
    panel.set(xlabel="trials since a reversal", ylabel="share of correct choices")
    panel.legend(loc="lower right", **LEGEND)
    return figure


def identifiability(
    found: Identifiability,
    axes: Sequence[Axes] | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw contraction of each parameter, and correlations between parameters.

    On the left a dot for each subject, against its z-score where the truth is known; on the right
    the median of posterior correlations.

    Args:
        found: what :func:`~pyro_activeinf.behavior.identifiability` returned.
        axes: two of them, instead of a new figure.
        figsize: width and height in inches.

    Raises:
        ValueError: for a wrong number of axes.

    Example:
        >>> import torch
        >>> from pyro_activeinf import behavior
        >>> _ = torch.manual_seed(0)
        >>> report = behavior.Identifiability(
        ...     ("a", "b"), torch.rand(20, 2), torch.randn(20, 2), torch.eye(2).expand(20, 2, 2)
        ... )
        >>> [panel.get_xlabel() for panel in identifiability(report).axes[:2]]
        ['contraction of the prior', '']
    """
    names = ["contraction", "correlation"]
    if axes is not None:
        figure, (left, right) = given_axes(axes, names)
    else:
        height = max(2.6, 0.5 * len(found.names) + 1.4)
        figure = new_figure(figsize or (WIDTH, height))
        left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [3, 2]})
    if found.z_scores is None:
        _strips(left, found)
    else:
        _scatter(left, found)
    left.set_xlabel("contraction of the prior")
    left.axvline(0.0, color="0.6", linewidth=0.8)
    left.set_xlim(right=1.02)
    _correlations(right, found)
    return figure


def _strips(axes: Axes, found: Identifiability) -> None:
    """A row of dots for each parameter."""
    values = array(found.contraction)
    offsets = np.linspace(-0.25, 0.25, len(values))
    for i, column in enumerate(values.T):
        axes.plot(column, i + offsets, "o", color=BLUE, markersize=3, alpha=0.5, linestyle="none")
        axes.plot(np.median(column), i, "|", color=BLACK, markersize=20)
    axes.set_yticks(range(len(found.names)), found.names)
    axes.invert_yaxis()


def _scatter(axes: Axes, found: Identifiability) -> None:
    """z-scores against contraction."""
    if found.z_scores is None:
        return
    shapes = [(BLUE, "o"), (ORANGE, "s"), ("0.4", "^"), (BLACK, "x")]
    for i, name in enumerate(found.names):
        color, marker = shapes[i % len(shapes)]
        style: dict[str, Any] = {
            "color": color,
            "markersize": 3.5,
            "alpha": 0.6,
            "linestyle": "none",
        }
        x, y = array(found.contraction[:, i]), array(found.z_scores[:, i])
        axes.plot(x, y, marker, label=name, **style)
    axes.axhspan(-2, 2, color="0.93", zorder=0)
    axes.set_ylabel("z-score of the truth")
    axes.legend(loc="upper left", **LEGEND)


def _correlations(axes: Axes, found: Identifiability) -> None:
    table = array(found.correlation.median(0).values)
    count = len(found.names)
    axes.imshow(np.abs(table), cmap="Greys", vmin=0.0, vmax=1.0)
    for i in range(count):
        for j in range(count):
            color = "white" if abs(table[i, j]) > 0.5 else BLACK
            text = f"{table[i, j]:.2f}"
            axes.text(j, i, text, ha="center", va="center", color=color, fontsize="small")
    axes.set_xticks(range(count), found.names, rotation=30, ha="right", fontsize="small")
    axes.set_yticks(range(count), found.names, fontsize="small")
    axes.set_title("posterior correlation (median)", loc="left", fontsize="small")
