"""Spaces of constant curvature, in which the closed forms are: a line, a sphere, a half-plane."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class Space(ABC):
    """Exponential, logarithm, distance and transport in closed form."""

    @abstractmethod
    def exp(self, y: Tensor, v: Tensor) -> Tensor:
        """Where a geodesic is after unit time."""

    @abstractmethod
    def log(self, y: Tensor, z: Tensor) -> Tensor:
        """The velocity at y of the geodesic that is at z after unit time."""

    @abstractmethod
    def distance(self, y: Tensor, z: Tensor) -> Tensor:
        """Length of the geodesic: ``(*batch)``."""

    @abstractmethod
    def transport(self, y: Tensor, z: Tensor, w: Tensor) -> Tensor:
        """Carry a vector along the geodesic from y to z."""


def root(square: Tensor) -> Tensor:
    """Square root, with a gradient of zero at 0."""
    return torch.where(square > 0, torch.where(square > 0, square, 1.0).sqrt(), 0.0)


def _ratio(top: Tensor, bottom: Tensor, limit: Tensor | float = 1.0) -> Tensor:
    """``top / bottom``, and its limit where the bottom is small."""
    fine = bottom.abs() > 1e-8
    return torch.where(fine, top / torch.where(fine, bottom, 1.0), limit)


def _dot(v: Tensor, w: Tensor) -> Tensor:
    return (v * w).sum(-1, keepdim=True)


class Line(Space):
    """Real numbers, ``(*batch, 1)``."""

    def exp(self, y: Tensor, v: Tensor) -> Tensor:
        """The sum."""
        return y + v

    def log(self, y: Tensor, z: Tensor) -> Tensor:
        """The difference."""
        return z - y

    def distance(self, y: Tensor, z: Tensor) -> Tensor:
        """The size of the difference."""
        return (z - y).abs().squeeze(-1)

    def transport(self, y: Tensor, z: Tensor, w: Tensor) -> Tensor:
        """Nothing changes."""
        return w


class Sphere(Space):
    """Unit vectors ``(*batch, k)``, with lengths counted twice: a sphere of radius 2."""

    def exp(self, y: Tensor, v: Tensor) -> Tensor:
        """Along a great circle."""
        r = root(_dot(v, v))
        return y * r.cos() + v * _ratio(r.sin(), r)

    def log(self, y: Tensor, z: Tensor) -> Tensor:
        """Along a great circle."""
        angle = self._angle(y, z)
        return (z - y * angle.cos()) * _ratio(angle, angle.sin())

    def distance(self, y: Tensor, z: Tensor) -> Tensor:
        """Twice the angle."""
        return 2 * self._angle(y, z).squeeze(-1)

    def transport(self, y: Tensor, z: Tensor, w: Tensor) -> Tensor:
        """By the reflections that take y to z."""
        return w - (y + z) * _dot(z, w) / (1 + _dot(y, z))

    @staticmethod
    def _angle(y: Tensor, z: Tensor) -> Tensor:
        gap, sum_ = z - y, z + y
        return 2 * torch.atan2(root(_dot(gap, gap)), root(_dot(sum_, sum_)))


class HalfPlane(Space):
    r"""Pairs (m, s), s > 0, with :math:`ds^2 = 2 (dm^2 + ds^2) / s^2`: curvature -1/2.

    Any point is first taken to (0, 1) by the isometry that shifts and scales.
    """

    def exp(self, y: Tensor, v: Tensor) -> Tensor:
        """On a half circle, or straight up."""
        m, s = y.split(1, -1)
        a, b = (v / s).split(1, -1)
        r = root(a.square() + b.square())
        rate = _ratio(r.sinh(), r)
        up = b > 0
        rising = (-r).exp() + rate * _ratio(a.square(), r + b.abs(), 0.0)  # cosh r - b sinh r / r
        depth = torch.where(up, rising, r.cosh() - b * rate)
        return torch.cat([m + s * a * rate / depth, s / depth], -1)

    def log(self, y: Tensor, z: Tensor) -> Tensor:
        """On a half circle, or straight up."""
        s = y[..., 1:]
        m1, s1 = self._seen_from(y, z)
        r = self._radius(m1, s1)
        rate = _ratio(r, r.sinh()) / s1
        up = (m1.square() + (s1 - 1) * (s1 + 1)) / 2
        return s * torch.cat([m1 * rate, up * rate], -1)

    def distance(self, y: Tensor, z: Tensor) -> Tensor:
        """Square root of 2 times the hyperbolic distance."""
        return 2**0.5 * self._radius(*self._seen_from(y, z)).squeeze(-1)

    def transport(self, y: Tensor, z: Tensor, w: Tensor) -> Tensor:
        """By the rotations of the hyperboloid X+ X- = 1 + X1^2 that take y to z."""
        s, s2 = y[..., 1:], z[..., 1:]
        a, b = (w / s).split(1, -1)
        m1, s1 = self._seen_from(y, z)
        plus, minus, side = (m1.square() + s1.square()) / s1, 1 / s1, m1 / s1
        with_end = -(b * minus - b * plus) / 2 + a * side
        gain = with_end / (1 + (plus + minus) / 2)
        fall = -b + gain * (1 + minus)
        slide = a + gain * side
        rise = -s1 * fall  # of s1, relative to s1
        return s2 * torch.cat([slide + side * rise, rise], -1)

    @staticmethod
    def _seen_from(y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        s = y[..., 1:]
        return (z[..., :1] - y[..., :1]) / s, z[..., 1:] / s

    @staticmethod
    def _radius(m: Tensor, s: Tensor) -> Tensor:
        return 2 * torch.asinh(root((m.square() + (s - 1).square()) / (4 * s)))
