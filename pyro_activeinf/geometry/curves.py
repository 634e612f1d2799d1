"""Curves on a manifold, in usual coordinates, over times from 0 to 1."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from . import chebyshev
from .autodiff import Map, along

Times = Tensor | float


class Curve(ABC):
    """A curve; calling it at times ``(times,)`` gives points ``(times, *batch, d)``."""

    @abstractmethod
    def at(self, t: Tensor) -> Tensor:
        """Points at times ``(times,)``: ``(times, *batch, d)``."""

    def __call__(self, t: Times) -> Tensor:
        """Points at times; one time, one point."""
        times = torch.as_tensor(t, dtype=torch.float64)
        points = self.at(times.reshape(-1))
        return points.reshape(*times.shape, *points.shape[1:])

    def velocity(self, t: Times) -> Tensor:
        """Velocities at times, of the shape of the points."""
        times = torch.as_tensor(t, dtype=torch.float64)
        flat = times.reshape(-1)
        speed = along(self.at, flat, torch.ones_like(flat))
        return speed.reshape(*times.shape, *speed.shape[1:])


class Formula(Curve):
    """A curve whose points are given by a function of a time and nothing else.

    Args:
        fn: takes times ``(times, *ones)``, with a one for each dim of a point.
        dims: number of dims of a point, its batch included.
    """

    def __init__(self, fn: Callable[[Tensor], Tensor], dims: int) -> None:
        self.fn, self.dims = fn, dims

    def at(self, t: Tensor) -> Tensor:
        """Points at times."""
        return self.fn(t.reshape(-1, *[1] * self.dims))


class SpaceGeodesic(Curve):
    """A geodesic in a space of constant curvature, by start and speed there.

    Transport along it is in closed form.
    """

    def __init__(self, isometry: Any, start: Tensor, speed: Tensor) -> None:
        self.isometry, self.start, self.speed = isometry, start, speed

    def at(self, t: Tensor) -> Tensor:
        """Points at times."""
        times = t.reshape(-1, *[1] * self.start.dim()).to(self.start)
        return self.isometry.out(self.isometry.space.exp(self.start, times * self.speed))


class Polynomial(Curve):
    """A curve by its values at Chebyshev's nodes, ``(nodes, *batch, d)``, in free coordinates."""

    def __init__(self, values: Tensor, out: Map) -> None:
        self.values, self.out = values, out

    def at(self, t: Tensor) -> Tensor:
        """Points at times."""
        degree = len(self.values) - 1
        flat = self.values.flatten(1)
        weights = chebyshev.interpolation(t, degree).to(flat)
        return self.out((weights @ flat).reshape(-1, *self.values.shape[1:]))


class Polyline(Curve):
    """Straight pieces between points ``(points, *batch, d)``, in the coordinates they are in."""

    def __init__(self, points: Tensor) -> None:
        self.points = points

    def at(self, t: Tensor) -> Tensor:
        """Points at times, which count from 0 at the first point to 1 at the last."""
        pieces = len(self.points) - 1
        piece = (t.detach() * pieces).floor().long().clamp(0, pieces - 1)
        share = (t * pieces - piece).reshape(-1, *[1] * (self.points.dim() - 1)).to(self.points)
        return self.points[piece] * (1 - share) + self.points[piece + 1] * share
