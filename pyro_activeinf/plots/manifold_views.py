"""How coordinates of distributions become places on paper."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._checks import complain
from ..geometry import Categorical, Manifold, Normal
from ._canvas import Array, array

EDGE = 1e-12  # of a simplex, as wide as this
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 3**0.5 / 2]])  # of the simplex


class View(ABC):
    """A linear map from usual coordinates ``(.., d)`` to places of two or three numbers."""

    dims = 2

    @abstractmethod
    def matrix(self, d: int) -> Array:
        """The map: ``(dims, d)``."""

    @abstractmethod
    def frame(self, axes: Any) -> None:
        """Draw what is around, and name the axes."""

    def origin(self) -> Array:
        """The place of the coordinates 0."""
        return np.zeros(self.dims)

    def places(self, points: Tensor) -> Array:
        """Places of points: ``(.., dims)``."""
        return array(points) @ self.matrix(points.shape[-1]).T + self.origin()


class Chart(View):
    """Two or three of the coordinates."""

    def __init__(self, coordinates: Sequence[int], names: Sequence[str]) -> None:
        self.coordinates, self.names = list(coordinates), list(names)
        self.dims = len(self.coordinates)

    def matrix(self, d: int) -> Array:
        """Rows of a unit matrix."""
        return np.eye(d)[self.coordinates]

    def frame(self, axes: Any) -> None:
        """Name the axes."""
        axes.set_xlabel(self.names[0])
        axes.set_ylabel(self.names[1])
        if self.dims == 3:
            axes.set_zlabel(self.names[2])
            axes.set_box_aspect(None, zoom=0.85)  # room for the names
            for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
                axis.get_major_locator().set_params(nbins=4)


class HalfPlane(Chart):
    """Location and scale of Normals; the border at scale 0 is infinitely far away."""

    def __init__(self) -> None:
        super().__init__((0, 1), (r"location $\mu$", r"scale $\sigma$"))

    def frame(self, axes: Any) -> None:
        """Name the axes, and draw the border."""
        super().frame(axes)
        axes.axhline(0.0, color="0.4", linewidth=1.0)
        axes.set_ylim(bottom=0.0)


class Simplex(View):
    """A triangle, a corner for each of three outcomes."""

    def matrix(self, d: int) -> Array:
        """From all probabilities but the last."""
        return (CORNERS[:2] - CORNERS[2]).T

    def origin(self) -> Array:
        """The corner of the last."""
        return CORNERS[2]

    def frame(self, axes: Any) -> None:
        """Draw the triangle."""
        axes.plot(*CORNERS[[0, 1, 2, 0]].T, color="0.4", linewidth=1.0)
        for corner, place in enumerate(CORNERS):
            out = place + 0.06 * (place - CORNERS.mean(0))
            axes.text(*out, f"$p_{corner + 1}$", ha="center", va="center")
        axes.set_axis_off()
        axes.set_aspect("equal")


def view_of(space: Manifold, d: int, coordinates: Sequence[int] | None) -> View:
    """The view that suits a manifold.

    Raises:
        ValueError: there are too few coordinates, or those that are asked for are not there.
    """
    if coordinates is None and isinstance(space.family, Normal):
        return HalfPlane()
    if coordinates is None and isinstance(space.family, Categorical) and d == 2:
        return Simplex()
    if d < 2:
        raise ValueError(complain("space", "one of at least two coordinates", f"one of {d}"))
    chosen = list(range(min(d, 3))) if coordinates is None else list(coordinates)
    known = len(set(chosen)) == len(chosen) and all(0 <= c < d for c in chosen)
    if len(chosen) not in (2, 3) or not known:
        raise ValueError(complain("coordinates", f"two or three of 0 to {d - 1}", coordinates))
    return Chart(chosen, [f"$x_{c + 1}$" for c in chosen])


def ellipse(view: View, point: Tensor, metric: Tensor, radius: float) -> Array:
    r"""Border of what is within a distance, to first order: ``(n, 2)`` or ``(n, m, 3)``.

    .. math:: \{x + v : v^\top g\, v \le r^2\}, \quad \text{seen by the view}
    """
    spread = np.linalg.inv(array(metric))
    seen = view.matrix(point.shape[-1])
    root = np.linalg.cholesky(seen @ spread @ seen.T)
    turn = np.linspace(0, 2 * np.pi, 61)
    if view.dims == 2:
        ball = np.stack([np.cos(turn), np.sin(turn)], -1)
    else:
        rise = np.linspace(0, np.pi, 16)[:, None]
        ring = np.stack([np.cos(turn[::3]), np.sin(turn[::3])], -1)
        height = np.broadcast_to(np.cos(rise)[..., None], (len(rise), len(ring), 1))
        ball = np.concatenate([np.sin(rise)[..., None] * ring, height], -1)
    return view.places(point) + radius * ball @ root.T


def as_points(space: Manifold, points: Any, argument: str = "points") -> Tensor:
    """Points ``(n, d)`` from distributions or coordinates of any batch, in double precision.

    Raises:
        ValueError: there are none.
    """
    if isinstance(points, (list, tuple)) and points:
        each = [space.coordinates(one, argument) for one in points]
        found = torch.stack(torch.broadcast_tensors(*each))
    elif isinstance(points, (list, tuple)):
        raise ValueError(complain(argument, "at least one", "none"))
    else:
        found = space.coordinates(points, argument)
    if not found.numel():
        raise ValueError(complain(argument, "at least one", "none"))
    return _inside(space, found.detach().double().reshape(-1, found.shape[-1]), argument)


def _inside(space: Manifold, points: Tensor, argument: str) -> Tensor:
    """Points in the domain; probabilities of 0 are drawn where they nearly are."""
    if isinstance(space.family, Categorical) and bool((points >= 0).all()):
        points = points + EDGE * (1 / (points.shape[-1] + 1) - points)
    return space.point(points, argument)
