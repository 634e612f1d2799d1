"""What agents earned in worlds, episode by episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from .outcomes import LEVEL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOR, EXPECTED = "#0072B2", "#D55E00"
FIRST = 10  # episodes before which an interval says little


def returns_figure(entries: Sequence[Mapping[str, Any]]) -> Figure:
    """A panel for each world: the mean return so far, with its interval, and what was expected.

    Args:
        entries: of outcomes, as in the record; at least one.
    """
    from matplotlib.figure import Figure

    page = Figure(figsize=(3.3 * len(entries) + 0.4, 3.0), layout="constrained")
    for entry, axes in zip(entries, page.subplots(1, len(entries), squeeze=False)[0], strict=True):
        _panel(axes, entry)
    page.axes[0].set_ylabel("mean return")
    return page


def _panel(axes: Axes, entry: Mapping[str, Any]) -> None:
    each = np.array(entry["each"])
    count = np.arange(1, len(each) + 1)
    means = each.cumsum() / count
    spread = np.sqrt(np.maximum((each**2).cumsum() / count - means**2, 0.0))
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * spread / np.sqrt(count)
    shown = count >= min(FIRST, len(each))
    count, means, half = count[shown], means[shown], half[shown]
    axes.fill_between(count, means - half, means + half, color=COLOR, alpha=0.2, linewidth=0)
    axes.plot(count, means, color=COLOR, label=f"mean, {LEVEL:.0%} interval")
    if entry["predicted"] is not None:
        axes.axhline(entry["predicted"], color=EXPECTED, linestyle="--", label="planner predicts")
    if (entry["bar"] or "").startswith(">="):
        axes.axhline(float(entry["bar"][2:]), color="0.4", linestyle=":", label="bar")
    axes.set_title(entry["name"], fontsize="small")
    axes.set_xlabel("episodes")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="x-small", loc="lower right")
