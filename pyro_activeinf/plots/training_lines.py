"""The free energy over the steps of learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..learning import TrainingRun
from ._canvas import BLACK, BLUE, LEGEND, ORANGE, Array, array, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WINDOWS = 20  # running means over a run: each has a twentieth of the steps


def training(
    run: TrainingRun,
    axes: Sequence[Axes] | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    r"""Draw the losses of a run with their running mean, its terms, and the norms of the gradients.

    .. math:: F = complexity - accuracy

    in nats.

    Args:
        run: what :func:`~pyro_activeinf.learning.fit` returned.
        axes: two of them, for F and for the gradients, instead of a new figure.
        figsize: width and height in inches.

    Raises:
        ValueError: for a wrong number of axes.

    Example:
        >>> import torch
        >>> falling = torch.linspace(3.0, 1.0, 50)
        >>> at = torch.tensor([0, 49])
        >>> figure = training(TrainingRun(falling, falling, falling, at, falling[at], 0 * at))
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['loss', 'running mean', 'complexity', 'accuracy']
    """
    titles = ["variational free energy while learning", "norm of the gradient"]
    figure, (above, below) = panels(titles, [1.9, 1.1], axes, figsize)
    losses = array(run.losses)
    steps = np.arange(len(losses))
    above.plot(steps, losses, color="0.75", linewidth=0.8, label="loss")
    above.plot(*_running_mean(losses), color=BLACK, linewidth=2.0, label="running mean")
    for name, color, line, marker in (
        ("complexity", BLUE, "--", "^"),
        ("accuracy", ORANGE, ":", "s"),
    ):
        style: dict[str, Any] = {
            "color": color,
            "linestyle": line,
            "marker": marker,
            "markersize": 3.0,
        }
        at = array(run.evaluated)
        above.plot(at, array(getattr(run, name)), label=name, fillstyle="none", **style)
    above.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), **LEGEND)
    above.set_ylabel("nats")
    below.plot(steps, array(run.gradient_norms), color=BLACK, linewidth=0.8)
    below.set(ylabel="norm", yscale="log", xlabel="step")
    for panel, title in zip((above, below), titles, strict=True):
        panel.set_title(title, loc="left", fontsize="medium")
    figure.align_ylabels([above, below])
    return figure


def _running_mean(values: Array) -> tuple[Array, Array]:
    """Means over windows, each at the middle of its window."""
    width = max(1, len(values) // WINDOWS)
    means = np.convolve(values, np.ones(width) / width, mode="valid")
    return np.arange(len(means)) + (width - 1) / 2, means
