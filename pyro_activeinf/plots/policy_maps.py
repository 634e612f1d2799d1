"""Policies and actions over the steps of a trajectory, as heat maps of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from ..records import Trajectory
from ._canvas import (
    LEGEND,
    VERMILION,
    Array,
    Labels,
    array,
    color_bar,
    heat_map,
    height_of_rows,
    name_rows,
    panels,
)
from ._controls import action_labels, controls_of, policy_texts
from ._timeline import Timeline
from .policy_bars import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def policy_map(
    trajectory: Trajectory,
    policies: Tensor,
    probs: Tensor,
    n: int,
    labels: Labels,
    axes: Axes | Sequence[Axes] | None,
    figsize: tuple[float, float] | None,
) -> Figure:
    """Draw q(pi) of the ``n`` policies that reach the highest probabilities."""
    named = action_labels(labels, trajectory.action_probs.shape[1:])
    order = probs.nan_to_num(0.0).amax(0).argsort(descending=True, stable=True)[:n]
    texts = policy_texts(policies[order], named)
    heights = [height_of_rows(len(order), texts)]
    figure, drawn = panels(["policies"], heights, axes, figsize)
    shown = array(probs[:, order]).T
    image = heat_map(drawn[0], shown, float(np.nanmax(shown)))
    name_rows(drawn[0], len(order), texts)
    drawn[0].set_ylabel(counted(len(order), len(policies)))
    _legend(drawn[0], shown)
    color_bar(image, drawn, heights, r"probability $q(\pi)$")
    Timeline.of(trajectory).finish(drawn)
    return figure


def action_map(
    trajectory: Trajectory,
    labels: Labels,
    axes: Axes | Sequence[Axes] | None,
    figsize: tuple[float, float] | None,
) -> Figure:
    """Draw the probabilities of the choices of each control, and those that were taken."""
    controls = controls_of(trajectory)
    named = action_labels(labels, [control.size for control in controls])
    heights = [height_of_rows(control.size, named.get(control.name)) for control in controls]
    figure, drawn = panels([control.title for control in controls], heights, axes, figsize)
    for panel, control in zip(drawn, controls, strict=True):
        image = heat_map(panel, control.probs.T)
        _mark_taken(panel, control.taken)
        name_rows(panel, control.size, named.get(control.name))
        panel.set_title(control.title, loc="left", fontsize="medium")
    _legend(drawn[0], controls[0].probs)
    color_bar(image, drawn, heights, "probability")
    Timeline.of(trajectory).finish(drawn)
    return figure


def _legend(axes: Axes, values: Array) -> None:
    """Say what circles and hatched cells are, where there are any."""
    handles, names = axes.get_legend_handles_labels()
    if np.isnan(values).any():
        handles, names = [*handles, axes.patch], [*names, "no plan"]
    if handles:
        axes.legend(handles, names, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.0), **LEGEND)


def _mark_taken(axes: Axes, taken: Array) -> None:
    when = np.flatnonzero(taken >= 0)
    axes.plot(when, taken[when], "o", color=VERMILION, fillstyle="none", label="taken")
