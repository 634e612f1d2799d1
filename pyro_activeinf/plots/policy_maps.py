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
    heat_map,
    height_of_rows,
    name_rows,
    panels,
)
from ._controls import Control, action_labels, controls_of, policy_texts
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
    figure, drawn = panels(["policies"], [height_of_rows(len(order), texts)], axes, figsize)
    image = heat_map(drawn[0], array(probs[:, order]).T)
    name_rows(drawn[0], len(order), texts)
    drawn[0].set_ylabel(counted(len(order), len(policies)))
    figure.colorbar(image, ax=drawn, label=r"$q(\pi)$")
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
        panel.set_ylabel(control.title)
    drawn[0].legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), **LEGEND)
    figure.colorbar(image, ax=drawn, label="probability")
    Timeline.of(trajectory).finish(drawn)
    return figure


def _mark_taken(axes: Axes, taken: Array) -> None:
    when = np.flatnonzero(taken >= 0)
    style = {"color": VERMILION, "linestyle": "none", "fillstyle": "none"}
    axes.plot(when, taken[when], marker="o", markersize=5, label="taken", **style)
