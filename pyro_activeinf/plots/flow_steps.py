"""Samples and density on their way through the steps of a flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from pyro.distributions import TorchDistribution

from .._checks import complain, positive_int
from ..flows import ConditionedFlow, FlowSteps, NormalizingFlow
from ._canvas import BLUE, WIDTH, Array, array, given_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HALF = 3.5  # of the square of the base whose image is drawn
CELLS = 120  # of the image, along each side
COLUMNS = 5


def flow(
    flow: NormalizingFlow | ConditionedFlow,
    base: TorchDistribution | None = None,
    steps: Sequence[int] | None = None,
    num_samples: int = 300,
    coordinates: tuple[int, int] = (0, 1),
    axes: Axes | Sequence[Axes] | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    r"""Draw where a flow takes its base, step by step, as small multiples.

    .. math:: \log q_l(z_l) = \log q_0(z_0) - \sum_{k \le l} \log |\det J_k|

    Shades are the density after each step (that of a flow over two coordinates; it needs no
    inverse), each panel from white to its own maximum; dots are the same samples in every panel.
    Of more coordinates, two are chosen, and samples alone are drawn. Random numbers are drawn.

    Args:
        flow: a flow; a conditional one with its context, ``flow.condition(context)``, for one
            vector.
        base: over vectors; standard normal by default.
        steps: the steps after which to draw, 0 for the base; up to ten by default, the last among
            them.
        num_samples: number of dots.
        coordinates: the two that are drawn.
        axes: one for each panel, instead of a new figure.
        figsize: width and height in inches.

    Raises:
        ValueError: for a flow of one coordinate, a batch of contexts or of bases, steps or
            coordinates that there are not, a wrong number of axes.

    Example:
        >>> import pyro
        >>> pyro.set_rng_seed(0)
        >>> figure = flow(NormalizingFlow(2, 4, "planar"))
        >>> [panel.get_title() for panel in figure.axes[:5]]
        ['base', 'step 1', 'step 2', 'step 3', 'step 4']
    """
    density = flow.distribution(base)
    _require_one(flow.dim, density.batch_shape)
    shown = _shown(len(flow.layers), steps)
    pair = _pair(coordinates, flow.dim)
    figure, panels = _panels(shown, axes, figsize)
    with torch.no_grad():
        dots = flow.steps(density.base.sample((positive_int("num_samples", num_samples),)))
        mesh = _mesh(flow, density.base) if flow.dim == 2 else None
    for panel, step in zip(panels, shown, strict=True):
        if mesh is not None:
            _draw_density(panel, mesh[0][step], mesh[1][step], pair)
        points = array(dots.points[step])[:, pair]
        panel.plot(*points.T, ".", color=BLUE, markersize=1.5, alpha=0.7, rasterized=True)
        panel.set_title(f"step {step}" if step else "base", fontsize="medium")
    _finish(panels, dots, shown, pair)
    return figure


def _require_one(dim: int, batch_shape: Sequence[int]) -> None:
    if dim < 2:
        raise ValueError(complain("flow", "one of at least two coordinates", f"one of {dim}"))
    if len(batch_shape):
        got = f"a batch of shape {tuple(batch_shape)}"
        way_out = "Draw them one by one."
        raise ValueError(complain("flow", "one context and one base", got, way_out))


def _shown(length: int, steps: Sequence[int] | None) -> list[int]:
    if steps is None:
        return sorted({round(step) for step in np.linspace(0, length, min(length + 1, 10))})
    if not steps or not all(0 <= step <= length for step in steps):
        raise ValueError(complain("steps", f"steps from 0 to {length}", list(steps)))
    return list(steps)


def _pair(coordinates: tuple[int, int], dim: int) -> list[int]:
    pair = list(coordinates)
    if len(set(pair)) != 2 or not all(0 <= d < dim for d in pair):
        raise ValueError(complain("coordinates", f"two of 0 to {dim - 1}", coordinates))
    return pair


def _panels(
    shown: Sequence[int],
    axes: Axes | Sequence[Axes] | None,
    figsize: tuple[float, float] | None,
) -> tuple[Figure, list[Axes]]:
    if axes is not None:
        return given_axes(axes, [f"step {step}" for step in shown])
    columns = min(len(shown), COLUMNS)
    rows = -(-len(shown) // columns)
    size = WIDTH / max(columns, 3)
    figure = new_figure(figsize or (size * columns, (size + 0.2) * rows + 0.3))
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for unused in grid.flat[len(shown) :]:
        unused.remove()
    return figure, list(grid.flat[: len(shown)])


def _mesh(flow: NormalizingFlow | ConditionedFlow, base: TorchDistribution) -> tuple[Array, Array]:
    """Images ``(length + 1, n, n, 2)`` of a grid over the base, and densities there."""
    spread = base.sample((1000,))
    center, scale = spread.mean(0), spread.std(0)
    along = torch.linspace(-HALF, HALF, CELLS).to(spread)
    grid = center + scale * torch.stack(torch.meshgrid(along, along, indexing="ij"), -1)
    way = flow.steps(grid)
    zero = torch.zeros_like(way.log_dets[:1])
    log_prob = base.log_prob(grid) - torch.cat([zero, way.log_dets]).cumsum(0)
    return array(way.points), array(log_prob.exp())


def _draw_density(axes: Axes, points: Array, density: Array, pair: list[int]) -> None:
    """Shade the images of the cells; each lies where its corners went."""
    x, y = np.moveaxis(points[..., pair], -1, 0)
    axes.pcolormesh(x, y, density, cmap="Greys", shading="gouraud", vmin=0.0, rasterized=True)


def _finish(panels: Sequence[Axes], dots: FlowSteps, shown: Sequence[int], pair: list[int]) -> None:
    """The same limits everywhere; names of the coordinates outside."""
    points = array(dots.points[list(shown)])[..., pair].reshape(-1, 2)
    low, high = np.percentile(points, [0.5, 99.5], axis=0)
    middle, half = (low + high) / 2, 0.65 * float((high - low).max())
    for panel in panels:
        panel.set_xlim(middle[0] - half, middle[0] + half)
        panel.set_ylim(middle[1] - half, middle[1] + half)
        panel.set_aspect("equal")
        panel.locator_params(nbins=4)
    for index, panel in enumerate(panels):
        place = panel.get_subplotspec()
        if place is None or place.is_first_col():
            panel.set_ylabel(f"$z_{{{pair[1] + 1}}}$")
        if place is None or index + COLUMNS >= len(panels):  # nothing below it
            panel.set_xlabel(f"$z_{{{pair[0] + 1}}}$")
            panel.tick_params(labelbottom=True)
