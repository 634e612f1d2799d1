"""The figure of an agent that learns the mountain car."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..records import Trajectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, GREEN, VERMILION, GRAY = "#0072B2", "#009E73", "#D55E00", "0.6"
TERMS = {"pragmatic": VERMILION, "epistemic": GREEN, "novelty": BLUE}


def figure_of(lived: Trajectory, lengths: Sequence[int], flag: float) -> Figure:
    """Paths through the states, what plans were worth, and how long each episode took.

    Args:
        lived: all episodes.
        lengths: actions of each that ended at the flag.
        flag: where it stands.
    """
    from matplotlib.figure import Figure

    page = Figure(figsize=(10.4, 3.2), layout="constrained")
    left, middle, right = page.subplots(1, 3)
    _paths(left, lived, flag)
    _terms(middle, lived)
    _lengths(right, lengths)
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    return page


def _paths(axes: Axes, lived: Trajectory, flag: float) -> None:
    """Position and speed, of the first episode and of the last one that is over."""
    over = [part for part in lived.episodes() if float(part.observations["o"][-1, 0]) >= flag]
    chosen = {"first episode": (GRAY, (over or lived.episodes())[0])}
    if len(over) > 1:
        chosen[f"episode {len(over)}"] = (BLUE, over[-1])
    for label, (color, part) in chosen.items():
        position, speed = part.observations["o"].numpy(force=True).T
        axes.plot(position, speed, ".-", color=color, label=label, markersize=4, linewidth=1)
    axes.axvline(flag, color=VERMILION, linestyle="--", linewidth=1)
    low, high = axes.get_ylim()
    axes.annotate("flag ", (flag, low), color=VERMILION, ha="right", va="bottom")
    axes.set(xlabel="position", ylabel="speed", ylim=(1.1 * low, high))
    axes.legend(frameon=False, fontsize="small", loc="lower left", bbox_to_anchor=(0, 1), ncols=2)


def _terms(axes: Axes, lived: Trajectory) -> None:
    """The terms of G over the life of the agent; lines part the episodes."""
    when = np.arange(len(lived.step))
    for name, color in TERMS.items():
        value = getattr(lived.plan, name).numpy(force=True)
        axes.plot(when, value, color=color, label=name, linewidth=1)
    for start in np.flatnonzero(np.diff(lived.episode.numpy(force=True))):
        axes.axvline(start + 0.5, color="0.85", linewidth=0.6, zorder=0)
    axes.set_yscale("symlog", linthresh=10)
    axes.set(xlabel="actions taken", ylabel="value of the plan (nats)", ylim=(0, None))
    axes.legend(frameon=False, fontsize="small", loc="lower left", bbox_to_anchor=(0, 1), ncols=3)


def _lengths(axes: Axes, lengths: Sequence[int]) -> None:
    episodes = np.arange(1, len(lengths) + 1)
    axes.plot(episodes, lengths, "o-", color=BLUE, markersize=4)
    axes.set(xlabel="episode", ylabel="actions to the flag", ylim=(0, None))
    axes.locator_params(axis="x", integer=True)
