"""What every figure shares: colors, panels one above the other, rows with names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from .._checks import complain, known_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Array = np.ndarray[Any, Any]
Labels = Mapping[str, Sequence[str]]

# Okabe and Ito (2008), "Color Universal Design": told apart with every kind of color vision.
BLACK, BLUE, ORANGE, GREEN, VERMILION, PURPLE = (
    "#000000",
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
)
PROBABILITY = "Greys"  # white is 0 and black is 1: the same on paper
WIDTH = 7.2  # inches: a figure over both columns of a journal
ROW = 0.19  # inches
LEGEND: dict[str, Any] = {"frameon": False, "fontsize": "small"}
ABOVE = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0)} | LEGEND


def array(tensor: Tensor) -> Array:
    """A tensor's numbers, without its gradient and on the host."""
    return tensor.numpy(force=True)


def require_one_agent(argument: str, batch_shape: Sequence[int]) -> None:
    """Raise ``ValueError`` where a record holds a batch of agents."""
    if len(batch_shape):
        raise ValueError(
            complain(
                argument,
                "the record of one agent",
                f"a batch of shape {tuple(batch_shape)}",
                "Draw its agents one by one.",
            )
        )


def panels(
    names: Sequence[str],
    heights: Sequence[float],
    axes: Axes | Sequence[Axes] | None,
    figsize: tuple[float, float] | None,
    sharex: bool = True,
) -> tuple[Figure, list[Axes]]:
    """A figure with one panel above the other, or the axes that the caller gave."""
    if axes is not None:
        return given_axes(axes, names)
    figure = new_figure(figsize or (WIDTH, sum(heights) + 0.3 * len(heights) + 0.6))
    ratios = {"height_ratios": list(heights)}
    grid = figure.subplots(len(names), sharex=sharex, squeeze=False, gridspec_kw=ratios)
    return figure, list(grid[:, 0])


def given_axes(axes: Axes | Sequence[Axes], names: Sequence[str]) -> tuple[Figure, list[Axes]]:
    """The axes to draw on, and their figure.

    Raises:
        ValueError: where they are not as many as there are panels.
    """
    given = list(np.ravel(np.asarray(axes, dtype=object)))
    if len(given) != len(names):
        expected = f"{len(names)} axes, for {list(names)}"
        raise ValueError(complain("axes", expected, f"{len(given)} of them"))
    return given[0].figure.figure, given


def new_figure(figsize: tuple[float, float]) -> Figure:
    """An empty figure; this is where matplotlib is imported."""
    from .picture import Picture

    return Picture(figsize=figsize, layout="constrained")


def height_of_rows(count: int, names: Sequence[str] | None) -> float:
    """Inches for a panel of so many rows: all of them where they have names, else not too many."""
    return max(0.45, ROW * count if names else min(ROW * count, 1.8))


def heat_map(axes: Axes, values: Array, top: float = 1.0, tint: str = PROBABILITY) -> AxesImage:
    """Draw probabilities ``(rows, time)`` from 0 to ``top``; cells that are NaN stay hatched."""
    axes.patch.set(hatch="////", facecolor="white", edgecolor="0.75")
    return axes.imshow(
        np.ma.masked_invalid(values),
        cmap=tint,
        vmin=0.0,
        vmax=top,
        aspect="auto",
        interpolation="nearest",
    )


def color_bar(image: AxesImage, axes: Sequence[Axes], heights: Sequence[float], label: str) -> None:
    """Explain the shades of heat maps, beside panels of these heights in inches."""
    figure = axes[0].figure
    bar = figure.colorbar(image, ax=list(axes), label=label, aspect=sum(heights) / 0.14)
    bar.ax.locator_params(nbins=max(2, min(6, int(4 * sum(heights)))))


def name_rows(axes: Axes, count: int, names: Sequence[str] | None) -> None:
    """Write the name (or the number) of each row of a panel; the first row is at the top."""
    every = 1 if names else -(-count // 9)
    rows = list(range(0, count, every))
    axes.set_yticks(rows, [names[row] if names else str(row) for row in rows], fontsize="small")
    axes.set_ylim(count - 0.5, -0.5)


def require_labels(labels: Labels, rows: Sequence[tuple[str, int]]) -> None:
    """Raise ``ValueError`` for labels of a name that has no panel, or for too few of them."""
    known_names("labels", labels, sorted({name for name, _ in rows}))
    for name, count in rows:
        if len(labels.get(name, range(count))) < count:
            expected = f"a label for each of {count} values"
            raise ValueError(complain(f"labels[{name!r}]", expected, list(labels[name])))
