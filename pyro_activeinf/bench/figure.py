"""Time and memory against the sizes of a problem, as one figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .results import Cost, Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST = 2**16  # bytes: less cannot be told from the noise of a process
COLORS, LINES = ("#0072B2", "#D55E00"), ("o-", "s--")


def scaling_figure(curves: Sequence[Curve], labels: tuple[str, str]) -> Figure:
    """A column for each curve: time above, memory below; both axes are logarithmic.

    Args:
        curves: at least one.
        labels: of our lines and of the peer's.
    """
    from matplotlib.figure import Figure

    page = Figure(figsize=(3.1 * len(curves) + 0.4, 5.4), layout="constrained")
    panels = page.subplots(2, len(curves), squeeze=False, sharex="col", sharey="row")
    for curve, above, below in zip(curves, *panels, strict=True):
        _lines(above, curve, _milliseconds, labels)
        _lines(below, curve, _mebibytes, labels)
        above.set_title(curve.fixed, fontsize="small")
        below.set_xlabel(curve.axis)
    panels[0, 0].set_ylabel("time of a call (ms)")
    panels[1, 0].set_ylabel("memory (MiB)")
    panels[0, 0].legend(frameon=False, fontsize="small")
    return page


def _milliseconds(cost: Cost) -> float:
    return 1e3 * cost.seconds.median


def _mebibytes(cost: Cost) -> float:
    return max(cost.memory.median, LEAST) / 2**20


def _lines(
    axes: Axes, curve: Curve, read: Callable[[Cost], float], labels: tuple[str, str]
) -> None:
    sizes = [point.size for point in curve.points]
    sides: list[list[Cost | None]] = [
        [point.ours for point in curve.points],
        [point.peer for point in curve.points],
    ]
    for costs, label, color, line in zip(sides, labels, COLORS, LINES, strict=True):
        values = [read(cost) for cost in costs if cost is not None]
        if values:  # the peer has all points or none
            axes.plot(sizes, values, line, color=color, label=label, markersize=4)
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_xticks([], minor=True)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
