"""Distributions as points on their manifold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .._checks import complain, finite
from ..geometry import Curve, Manifold
from ._canvas import (
    ABOVE,
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    VERMILION,
    WIDTH,
    array,
    given_axes,
    new_figure,
)
from .manifold_views import View, as_points, ellipse, view_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEPS = 80  # of a curve
ARROWS = 7
COLORS = (BLUE, PURPLE, BLACK)
STYLES = ("-", "--", "-.", ":")


def manifold(  # noqa: PLR0913
    space: Manifold,
    points: Any = None,
    *,
    geodesics: Sequence[Curve] | Mapping[str, Curve] = (),
    path: Any = None,
    transport: tuple[Tensor, Curve] | None = None,
    radius: float = 0.2,
    coordinates: Sequence[int] | None = None,
    axes: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    r"""Draw distributions on their manifold: points, geodesics, what is near, how a belief moves.

    Normals are drawn on their half-plane (location, scale), categorical distributions of three
    outcomes on the simplex, others in two or three of their coordinates. Around each point lies
    the ellipse of what is within a distance ``radius``, to first order:

    .. math:: v^\top g(x)\, v = r^2

    Args:
        space: a :class:`~pyro_activeinf.geometry.StatisticalManifold`, say.
        points: distributions or coordinates, with ellipses.
        geodesics: curves on the manifold, also of a batch; and their names if in a mapping.
        path: distributions or coordinates in time, such as the beliefs of an episode; joined by
            geodesics, with the length of the way (in nats^(1/2) on a statistical manifold).
        transport: a vector and a curve, along which it is carried (alpha = 0) and drawn.
        radius: of the ellipses; 0 for none.
        coordinates: the two or three that are drawn.
        axes: to draw on, instead of a new figure; three-dimensional for three coordinates.
        figsize: width and height in inches.

    Raises:
        ValueError: there is nothing to draw; coordinates are not there; axes are flat that have
            to be three-dimensional.

    Example:
        >>> import pyro.distributions as dist
        >>> from pyro_activeinf.geometry import StatisticalManifold
        >>> space = StatisticalManifold(dist.Normal)
        >>> start, end = dist.Normal(-2.0, 0.5), dist.Normal(2.0, 0.5)
        >>> figure = manifold(space, [start, end], geodesics=[space.geodesic(start, end)])
        >>> figure.axes[0].get_ylabel()
        'scale $\\sigma$'
    """
    names = list(geodesics) if isinstance(geodesics, Mapping) else [None] * len(geodesics)
    curves = list(geodesics.values() if isinstance(geodesics, Mapping) else geodesics)
    finite("radius", radius)
    view = view_of(space, _size(space, points, curves, path, transport), coordinates)
    figure, panel = _panel(view, axes, figsize)
    for number, (name, curve) in enumerate(zip(names, curves, strict=True)):
        color = COLORS[number % len(COLORS)]
        _draw_curve(panel, view, curve, STYLES[number % len(STYLES)], color, name)
    if path is not None:
        _draw_path(panel, space, view, path)
    if points is not None:
        _draw_points(panel, space, view, as_points(space, points), radius)
    if transport is not None:
        _draw_transport(panel, space, view, *transport)
    view.frame(panel)
    if panel.get_legend_handles_labels()[0]:
        panel.legend(**ABOVE)
    return figure


def _size(
    space: Manifold,
    points: Any,
    curves: Sequence[Curve],
    path: Any,
    transport: tuple[Tensor, Curve] | None,
) -> int:
    """Number of coordinates, of the first thing that there is to draw."""
    for name, given in (("points", points), ("path", path)):
        if given is not None:
            return as_points(space, given, name).shape[-1]
    for curve in [*curves, *([transport[1]] if transport else [])]:
        return curve(0.0).shape[-1]
    raise ValueError(complain("points", "points, geodesics, a path or a transport", "none"))


def _panel(
    view: View, axes: Axes | None, figsize: tuple[float, float] | None
) -> tuple[Figure, Any]:
    if axes is not None:
        figure, given = given_axes(axes, ["manifold"])
        if (view.dims == 3) != (given[0].name == "3d"):
            expected = f"one of {view.dims} dimensions"
            way_out = 'Make it with projection="3d", or name two coordinates.'
            raise ValueError(complain("axes", expected, given[0].name, way_out))
        return figure, given[0]
    figure = new_figure(figsize or (WIDTH * 0.6, WIDTH * 0.5))
    return figure, figure.add_subplot(projection="3d" if view.dims == 3 else None)


def _draw_curve(
    panel: Any, view: View, curve: Curve, style: str, color: str, label: str | None
) -> None:
    with torch.no_grad():
        places = view.places(curve(torch.linspace(0, 1, STEPS, dtype=torch.float64)))
    ways = places.reshape(STEPS, -1, view.dims).swapaxes(0, 1)
    for way, name in zip(ways, [label, *[None] * len(ways)], strict=False):
        panel.plot(*way.T, style, color=color, label=name, linewidth=1.5)


def _draw_points(panel: Any, space: Manifold, view: View, points: Tensor, radius: float) -> None:
    panel.plot(*view.places(points).T, "o", color=VERMILION, markersize=4, zorder=4)
    if not radius:
        return
    for point, metric in zip(points, space.metric(points), strict=True):
        border = ellipse(view, point, metric, radius)
        if view.dims == 3:
            panel.plot_wireframe(*border.transpose(2, 0, 1), color=ORANGE, linewidth=0.3)
        else:
            panel.fill(*border.T, facecolor=ORANGE, alpha=0.3, edgecolor=ORANGE, zorder=2)


def _draw_path(panel: Any, space: Manifold, view: View, path: Any) -> None:
    beliefs = as_points(space, path, "path")
    if len(beliefs) < 2:
        raise ValueError(complain("path", "at least two beliefs", f"{len(beliefs)} of them"))
    first, last = beliefs[:-1], beliefs[1:]
    way = space.geodesic(first, last)
    length = float(space.distance(first, last).sum())
    with torch.no_grad():
        pieces = view.places(way(torch.linspace(0, 1, 20, dtype=torch.float64)))
    label = f"path of length {length:.3g}{space.unit}"
    panel.plot(*pieces.swapaxes(0, 1).reshape(-1, view.dims).T, color=GREEN, label=label)
    panel.plot(*view.places(beliefs).T, ".", color=GREEN, markersize=5)
    for belief, mark in ((beliefs[:1], "s"), (beliefs[-1:], "D")):  # where it starts and ends
        panel.plot(*view.places(belief).T, mark, color=GREEN, markersize=6, fillstyle="none")


def _draw_transport(panel: Any, space: Manifold, view: View, vector: Tensor, curve: Curve) -> None:
    t = torch.linspace(0, 1, ARROWS, dtype=torch.float64)
    carried = [vector]
    for first, last in pairwise(t):
        carried.append(space.parallel_transport(carried[-1], _Piece(curve, first, last)))
    places = view.places(curve(t))
    arrows = array(torch.stack(carried)) @ view.matrix(vector.shape[-1]).T
    _draw_curve(panel, view, curve, ":", "0.4", None)
    if view.dims == 3:
        panel.quiver(*places.T, *arrows.T, color=VERMILION, arrow_length_ratio=0.15)
        panel.auto_scale_xyz(*(places + arrows).T, had_data=True)
    else:
        options = {"angles": "xy", "scale_units": "xy", "scale": 1.0, "width": 0.006}
        panel.quiver(*places.T, *arrows.T, color=VERMILION, zorder=5, **options)
        panel.update_datalim(places + arrows)
        panel.autoscale_view()


class _Piece(Curve):
    """A part of a curve."""

    def __init__(self, curve: Curve, first: Tensor, last: Tensor) -> None:
        self.curve, self.first, self.last = curve, first, last

    def at(self, t: Tensor) -> Tensor:
        """Points at times."""
        return self.curve.at(self.first + (self.last - self.first) * t)
