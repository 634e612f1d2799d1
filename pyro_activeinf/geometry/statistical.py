"""Statistical manifolds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .._checks import complain, real
from .autodiff import Map, jacobian, matvec, solve
from .autodiff import along as rate
from .boundary import connect
from .chebyshev import differentiation
from .curves import Curve, Formula, Polynomial, SpaceGeodesic
from .divergence import Dually
from .equation import AutodiffEquation, Equation
from .estimate import MetricEstimate, estimate
from .family import ExponentialFamily, Family
from .local import Local
from .manifold import Manifold, Point, polyline, tangent
from .ode import shoot, spectral
from .registry import family_of
from .rule import natural_step
from .spaces import root
from .transport import carry


class StatisticalManifold(Dually, Manifold):
    r"""A family of distributions with Fisher's metric and the alpha-connections.

    .. math:: g_{ij} = E[\partial_i \log p\, \partial_j \log p], \qquad
              \Gamma^{(\alpha)}_{ij,k} = E\bigl[\bigl(\partial_i \partial_j \log p + \tfrac{1 -
              \alpha}{2} \partial_i \log p\, \partial_j \log p\bigr) \partial_k \log p\bigr]

    A point is a distribution or its usual coordinates ``(*batch, d)``, those of the distribution's
    arguments (see the table of families). alpha = 0 is the Levi-Civita connection; e-geodesics
    (alpha = 1) are straight in natural coordinates, m-geodesics (alpha = -1) in mean coordinates.
    Lengths are in nats to the power 1/2: near a point, :math:`d^2 / 2` is the KL divergence.

    Args:
        family: a class of distributions (``dist.Normal``), one of its members where the class does
            not say all (``dist.Binomial(10, 0.5)``, ``dist.Normal(loc, scale).to_event(1)``), a
            :class:`Family`, or a function from coordinates ``(*batch, d)`` to a distribution.

    Raises:
        TypeError: it is none of these.
        ValueError: from methods, where a point is outside the domain or a geodesic leaves it.

    Reference: Amari and Nagaoka (2000), "Methods of information geometry", chapters 2 and 3.

    Example:
        >>> import pyro.distributions as dist
        >>> manifold = StatisticalManifold(dist.Normal)
        >>> near, far = dist.Normal(0.0, 1.0), dist.Normal(1.0, 2.0)
        >>> round(manifold.distance(near, far).item(), 4)
        1.1894
        >>> manifold.metric(torch.tensor([0.0, 2.0])).tolist()
        [[0.25, 0.0], [0.0, 0.5]]
        >>> round(manifold.curvature(near).item(), 6)
        -0.5
    """

    unit = r" $\mathrm{nats}^{1/2}$"

    def __init__(self, family: Any) -> None:
        self.family = family_of(family)

    def local(self, point: Point) -> Local:
        """Metric and connections near a point."""
        return self.family.near(point).local(self.coordinates(point))

    def cubic(self, point: Point) -> Tensor:
        r"""The Amari-Chentsov tensor :math:`E[\partial_i l\, \partial_j l\, \partial_k l]`.

        It is the difference of the m- and the e-connection: ``(*batch, d, d, d)``.
        """
        x = self.point(point)
        e, m = self.local(point).connections(x)
        return m - e

    def sampled_metric(self, point: Point, num_samples: int = 10_000) -> MetricEstimate:
        """The metric as the covariance of the score of samples, with its standard error.

        Random numbers are drawn.
        """
        return estimate(self.family, self.point(point), num_samples)

    def exp_map(
        self, point: Point, vector: Tensor, alpha: float = 0.0, time: float | Tensor = 1.0
    ) -> Tensor:
        """Where the alpha-geodesic with this velocity is after some time: ``(*batch, d)``.

        Where it is straight, that is :func:`natural_step`, the rule of learning.

        Raises:
            ValueError: the geodesic leaves the domain before.
        """
        x, v = self._pair(point, vector)
        real("alpha", alpha)
        _require_time(time)
        family = self.family.near(point)
        straight = _straight(family, x, alpha)
        if straight is not None:
            into, out = straight
            here = into(x)
            return self._reached(out(natural_step(here, here + rate(into, x, v), time)))
        v = v * time
        if alpha == 0 and family.closed.isometry is not None:
            isometry = family.closed.isometry
            end = isometry.space.exp(isometry.into(x), rate(isometry.into, x, v))
            if not bool(isometry.inside(end).all()):
                raise self._outside(end)
            return isometry.out(end)
        if alpha == 0 and self.family.closed.exp is not None:
            return self._reached(self.family.closed.exp(x, v))
        into, out = self._framing(x)
        y = into(x)
        t = torch.tensor([0.0, 1.0], dtype=x.dtype)
        speed = rate(self.family.free, y, rate(into, x, v))
        path, _ = shoot(self._equation(y, alpha), self.family.free(y), speed, t)
        return self._reached(out(path[-1]))

    def log_map(self, point: Point, other: Point, alpha: float = 0.0) -> Tensor:
        """The velocity at ``point`` of the alpha-geodesic that is at ``other`` after unit time.

        Raises:
            ValueError: none is found.
        """
        x, y = self._two(point, other)
        real("alpha", alpha)
        family, far = self.family.near(point), self.family.near(other)
        straight, there = _straight(family, x, alpha), _straight(far, x, alpha)
        if straight is not None and there is not None:
            way = there[0](y) - straight[0](x)
            frame = jacobian(straight[0], x)
            if family.masses is None:
                return solve(frame, way)
            velocity = torch.linalg.solve_ex(frame, way.unsqueeze(-1))[0].squeeze(-1)
            grain = torch.finfo(x.dtype).eps * matvec(frame.abs(), velocity.abs())
            _require_told(_near_enough(grain, way))
            return velocity
        isometry, end = family.closed.isometry, far.closed.isometry
        if alpha == 0 and isometry is not None and end is not None:
            start = isometry.into(x)
            speed = isometry.space.log(start, end.into(y))
            velocity = rate(isometry.out, start, speed)
            _require_told(_near_enough(rate(isometry.into, x, velocity) - speed, speed))
            return velocity
        if alpha == 0 and self.family.closed.log is not None:
            return self.family.closed.log(x, y)
        path, out = self._path(x, y, alpha)
        speed = torch.tensordot(differentiation(len(path) - 1)[0].to(path), path, 1)
        return rate(out, path[0], speed)

    def distance(self, point: Point, other: Point) -> Tensor:
        """Fisher-Rao distance, of alpha = 0, in nats^(1/2): ``(*batch)``.

        Points at an end of the domain at a finite distance, such as a probability of 0, may be
        given here.
        """
        isometry = self.family.near(point).closed.isometry
        end = self.family.near(other).closed.isometry
        x, y = self._two(point, other, border=True)
        if isometry is not None and end is not None:
            return isometry.space.distance(isometry.into(x), end.into(y))
        v = self.log_map(x, y)
        square = torch.where((x == y).all(-1), 0.0, self._square(x, v))
        return root(square)  # with a gradient of zero at equal points, where it has a corner

    def geodesic(
        self,
        point: Point,
        other: Point | None = None,
        *,
        velocity: Tensor | None = None,
        alpha: float = 0.0,
    ) -> Curve:
        """The alpha-geodesic to another point, or with a velocity.

        Returns:
            A function of times from 0 to 1: points ``(times, *batch, d)``; it has a ``velocity``.

        Raises:
            ValueError: both of ``other`` and ``velocity`` are given, or neither.
        """
        if (other is None) == (velocity is None):
            got = "both" if velocity is not None else "neither"
            raise ValueError(complain("other, velocity", "one of them", got))
        real("alpha", alpha)
        isometry = self.family.near(point).closed.isometry if alpha == 0 else None
        goal = self.family.near(other).closed.isometry if other is not None else None
        if isometry is not None and goal is not None:
            x, y = self._two(point, other, border=True)
            start = isometry.into(x)
            return SpaceGeodesic(isometry, start, isometry.space.log(start, goal.into(y)))
        x = self.point(point)
        if velocity is None and _straight(self.family, x, alpha) is not None:
            return self._chord(*self._two(point, other), alpha)
        if velocity is None and alpha == 0 and self.family.closed.log is not None:
            velocity = self.log_map(point, other)
        if velocity is None:
            x, y = self._two(x, other)
            return Polynomial(*self._path(x, y, alpha))
        x, v = self._pair(x, velocity)
        if isometry is not None:
            return SpaceGeodesic(isometry, isometry.into(x), rate(isometry.into, x, v))
        if _straight(self.family, x, alpha) is not None or (alpha == 0 and self.family.closed.exp):
            return self._formula(x, v, alpha)
        into, out = self._framing(x)
        y = into(x)
        speed = rate(self.family.free, y, rate(into, x, v))
        return Polynomial(spectral(self._equation(y, alpha), self.family.free(y), speed), out)

    def parallel_transport(self, vector: Tensor, along: Any, alpha: float = 0.0) -> Tensor:
        r"""Carry a vector from the start of a curve to its end: ``(*batch, d)``.

        .. math:: \dot w^k + \Gamma^{(\alpha) k}_{ij} \dot x^i w^j = 0

        Under alpha = 0 inner products stay; those of a vector carried under alpha with one
        carried under -alpha do as well. Under 1 and -1 the way does not matter.

        Args:
            vector: at the start.
            along: a geodesic, or points ``(points, *batch, d)`` joined by straight pieces.
            alpha: of the connection.
        """
        real("alpha", alpha)
        curve = along if isinstance(along, Curve) else polyline(self.point(along, "along"))
        vector = tangent("vector", curve(0.0), vector)
        start, end = curve(0.0), curve(1.0)
        straight = _straight(self.family, end, alpha)
        if straight is not None:
            into, _ = straight
            return solve(jacobian(into, end), rate(into, start, vector.expand_as(start)))
        if alpha == 0 and isinstance(curve, SpaceGeodesic):
            return self._carried(curve, vector)
        return carry(self.local, curve, vector, alpha)

    def _carried(self, curve: SpaceGeodesic, vector: Tensor) -> Tensor:
        isometry = curve.isometry
        end = isometry.space.exp(curve.start, curve.speed)
        w = rate(isometry.into, isometry.out(curve.start), vector.expand_as(isometry.out(end)))
        return rate(isometry.out, end, isometry.space.transport(curve.start, end, w))

    def _chord(self, x: Tensor, y: Tensor, alpha: float) -> Formula:
        """A straight line between two points, which it reaches however small their entries."""
        into, out = _straight(self.family, x, alpha) or (torch.clone, torch.clone)
        start, end = into(x), into(y)
        return Formula(lambda t: self._reached(out((1 - t) * start + t * end)), x.dim())

    def _formula(self, x: Tensor, v: Tensor, alpha: float) -> Formula:
        def at(t: Tensor) -> Tensor:
            return self.exp_map(x.expand(len(t), *x.shape), v, alpha, t.to(v))

        return Formula(at, x.dim())

    def _path(self, x: Tensor, y: Tensor, alpha: float) -> tuple[Tensor, Map]:
        """Free coordinates of a geodesic in units of its start, and the way from these to usual."""
        into, out = self._framing(x)
        start, end = into(x), into(y)
        equation = self._equation(start, alpha)
        return connect(equation, self.family.free(start), self.family.free(end)), out

    def _framing(self, x: Tensor) -> tuple[Map, Map]:
        """To units of a point; and from free coordinates there to usual ones."""
        if self.family.units is None:
            return torch.clone, self.family.from_free
        shift, unit = self.family.frame(x)
        return lambda y: (y - shift) / unit, lambda z: self.family.from_free(z) * unit + shift

    def _square(self, x: Tensor, v: Tensor) -> Tensor:
        """Squared length of a vector, as units of the point have it."""
        unit = self._framed(x)[2]
        return (matvec(self._metric_in_units(x), v / unit) * v / unit).sum(-1)

    def _equation(self, x: Tensor, alpha: float) -> Equation:
        family, closed = self.family, self.family.closed.equation
        if alpha == 0 and closed is not None:
            return closed
        if not family.local(x.detach()).exact:
            raise ValueError(
                complain(
                    "family",
                    "a family whose geometry is known without sampling, for geodesics",
                    f"{family.name}, of which only samples tell: not of one number, no KL in torch",
                    "`sampled_metric` gives the metric with its standard error; or register a KL "
                    "divergence by torch.distributions.kl.register_kl.",
                )
            )

        def near(z: Tensor) -> Local:
            return family.local(family.from_free(z.detach())).through(family.from_free)

        return AutodiffEquation(near, alpha)

    def _pair(self, point: Point, vector: Tensor) -> tuple[Tensor, Tensor]:
        x = self.point(point)
        found = torch.broadcast_tensors(x, tangent("vector", x, vector))
        return found[0], found[1]

    def _two(self, point: Point, other: Point, border: bool = False) -> tuple[Tensor, Tensor]:
        """Both, which may be at a border that an isometry reaches."""
        x, y = self._near(point, "point", border), self._near(other, "other", border)
        if x.shape[-1] != y.shape[-1]:
            got = f"{y.shape[-1]} coordinates"
            raise ValueError(complain("other", f"{x.shape[-1]} coordinates", got))
        kind = torch.promote_types(x.dtype, y.dtype)
        found = torch.broadcast_tensors(x.to(kind), y.to(kind))
        return found[0], found[1]

    def _near(self, point: Point, argument: str, border: bool) -> Tensor:
        x, family = self.coordinates(point, argument), self.family.near(point)
        isometry = family.closed.isometry if border and x.dim() else None
        if isometry is not None and isometry.border and bool(isometry.border(x).all()):
            return x
        return family.checked(argument, x)

    def _reached(self, end: Tensor) -> Tensor:
        if not bool(self.family.valid(end).all()):
            raise self._outside(end)
        return end

    def _outside(self, end: Tensor) -> ValueError:
        expected = f"one whose geodesic stays inside {self.family.name} with {self.family.domain}"
        return ValueError(complain("vector", expected, "one that leads outside", "Shorten it."))


def _straight(family: Family, x: Tensor, alpha: float) -> tuple[Any, Any] | None:
    """Coordinates in which alpha-geodesics are straight, if any, and the way back.

    They are counted from the location of x.
    """
    if not isinstance(family, ExponentialFamily) or alpha not in (1, -1):
        return None
    shift, unit = family.frame(x)
    into, out = (
        (family.natural, family.from_natural) if alpha == 1 else (family.mean, family.from_mean)
    )
    return lambda y: into((y - shift) / unit), lambda z: out(z) * unit + shift


def _require_told(told: Tensor) -> None:
    """A velocity whose coordinates round off what matters, by one minus others, is refused."""
    if not bool(told.all()):
        expected = "one at which usual coordinates tell velocities"
        got = "a probability near 0 that is no coordinate, but one minus the others"
        way_out = "Leave out a large one: StatisticalManifold(Categorical(left_out=0)), say."
        raise ValueError(complain("point", expected, got, way_out))


def _near_enough(error: Tensor, speed: Tensor) -> Tensor:
    """Whether errors are small beside the size of a vector: 1e-6 or so."""
    size = torch.linalg.vector_norm(speed.detach(), dim=-1, keepdim=True)
    return error.detach().abs() <= torch.finfo(speed.dtype).eps ** 0.4 * size


def _require_time(time: float | Tensor) -> None:
    if isinstance(time, Tensor):
        if not bool(time.detach().isfinite().all()):
            raise ValueError(complain("time", "finite numbers", "others"))
    else:
        real("time", time)
