"""What all manifolds of distributions share: tensors and vectors at a point."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .._checks import complain, positive_int, real
from .autodiff import Map, jacobian, matvec, solve
from .curves import Curve, Polyline
from .family import Family
from .local import Local
from .spaces import root

Point = Any  # a distribution, its usual coordinates (*batch, d), or a list of several of these


def tangent(argument: str, point: Tensor, vector: Any) -> Tensor:
    """A vector at a point, of its type of number.

    Raises:
        TypeError: it is no tensor.
        ValueError: it has another number of coordinates.
    """
    size = point.shape[-1]
    if not isinstance(vector, Tensor):
        got = type(vector).__name__
        raise TypeError(complain(argument, f"a tensor (*batch, {size})", got))
    if vector.shape[-1:] != point.shape[-1:]:
        got = str(tuple(vector.shape))
        raise ValueError(complain(argument, f"a shape that ends in {size}", got))
    if not bool(vector.detach().isfinite().all()):
        raise ValueError(complain(argument, "finite numbers", "others"))
    return vector.to(point.dtype)


def polyline(points: Tensor) -> Polyline:
    """Straight pieces between points.

    Raises:
        ValueError: there are not even two.
    """
    if points.dim() < 2 or len(points) < 2:
        expected, got = "a curve, or at least two points (points, *batch, d)", tuple(points.shape)
        raise ValueError(complain("along", expected, got))
    return Polyline(points)


class Manifold(ABC):
    """A manifold of distributions; points are distributions or usual coordinates ``(*batch, d)``.

    Vectors are tensors ``(*batch, d)`` of rates of the usual coordinates.
    """

    family: Family
    unit: str = ""  # of lengths, as it is written after a number

    @abstractmethod
    def local(self, point: Point) -> Local:
        """Metric and connections near a point."""

    @abstractmethod
    def exp_map(
        self, point: Point, vector: Tensor, alpha: float = 0.0, time: float | Tensor = 1.0
    ) -> Tensor:
        """Where the geodesic with this velocity is after some time: ``(*batch, d)``."""

    @abstractmethod
    def log_map(self, point: Point, other: Point, alpha: float = 0.0) -> Tensor:
        """The velocity at ``point`` of the geodesic that is at ``other`` after unit time."""

    @abstractmethod
    def distance(self, point: Point, other: Point) -> Tensor:
        """Length of the geodesic between two points: ``(*batch)``."""

    @abstractmethod
    def geodesic(
        self,
        point: Point,
        other: Point | None = None,
        *,
        velocity: Tensor | None = None,
        alpha: float = 0.0,
    ) -> Curve:
        """The geodesic to another point, or with a velocity; a function of times from 0 to 1."""

    @abstractmethod
    def parallel_transport(self, vector: Tensor, along: Any, alpha: float = 0.0) -> Tensor:
        """Carry a vector from the start of a curve to its end."""

    def point(self, point: Point, argument: str = "point") -> Tensor:
        """Usual coordinates ``(*batch, d)`` of a distribution, or these themselves, checked.

        Raises:
            TypeError: it is neither.
            ValueError: it is outside the domain.
        """
        x = self.coordinates(point, argument)
        return self.family.near(point).checked(argument, x)

    def coordinates(self, point: Point, argument: str = "point") -> Tensor:
        """Usual coordinates, whether they are in the domain or not."""
        if isinstance(point, list | tuple):
            return self._listed(point, argument)
        if isinstance(point, Tensor):
            if not point.is_floating_point():
                got = f"a tensor of {point.dtype}"
                raise TypeError(complain(argument, "floating-point coordinates", got))
            return self.family.read(point)
        if not hasattr(point, "log_prob") or not self.family.reads(point):
            got = type(point).__name__
            raise TypeError(complain(argument, f"{self.family.name}, or its coordinates", got))
        try:
            return self.family.coordinates(point)
        except AttributeError as error:
            got = type(point).__name__
            raise TypeError(
                complain(argument, f"{self.family.name}, or coordinates", got)
            ) from error

    def _listed(self, points: Sequence[Point], argument: str) -> Tensor:
        """Coordinates of several points, along a new first dim."""
        if not points:
            raise ValueError(complain(argument, "one point at least", "none"))
        each = [self.coordinates(one, f"{argument}[{i}]") for i, one in enumerate(points)]
        return torch.stack(torch.broadcast_tensors(*each))

    def distribution(self, point: Tensor) -> Any:
        """The distribution at usual coordinates, of batch shape ``(*batch)``."""
        return self.family.distribution(self.point(point))

    def metric(self, point: Point) -> Tensor:
        """The metric in usual coordinates: ``(*batch, d, d)``."""
        x = self.point(point)
        return self.local(point).metric(x)

    def inner(self, point: Point, vector: Tensor, other: Tensor) -> Tensor:
        r"""Inner product :math:`g_{ij} v^i w^j`: ``(*batch)``."""
        x = self.point(point)
        return (self.flat(point, vector) * tangent("other", x, other)).sum(-1)

    def norm(self, point: Point, vector: Tensor) -> Tensor:
        r"""Length :math:`\sqrt{g_{ij} v^i v^j}` of a vector: ``(*batch)``."""
        return root(self.inner(point, vector, vector))

    def flat(self, point: Point, vector: Tensor) -> Tensor:
        r"""The covector :math:`g_{ij} v^j` of a vector: ``(*batch, d)``."""
        x = self.point(point)
        return matvec(self.metric(point), tangent("vector", x, vector))

    def sharp(self, point: Point, covector: Tensor) -> Tensor:
        r"""The vector :math:`g^{ij} c_j` of a covector, a gradient say: ``(*batch, d)``."""
        x = self.point(point)
        return solve(self.metric(point), tangent("covector", x, covector))

    def christoffel(self, point: Point, alpha: float = 0.0) -> Tensor:
        r"""Christoffel symbols :math:`\Gamma^k_{ij}` as ``[.., k, i, j]``."""
        _, y, unit = self._framed(point)
        symbols = self._symbols(point, alpha)(y)
        return symbols / unit[..., None, :, None] / unit[..., None, None, :] * unit[..., None, None]

    def _framed(self, point: Point) -> tuple[Tensor, Tensor, Tensor]:
        """Usual coordinates, the same in units of the point, and these units."""
        x = self.point(point)
        if self.family.units is None:
            return x, x, torch.ones_like(x)
        shift, unit = self.family.frame(x)
        return x, (x - shift) / unit, unit

    def _symbols(self, point: Point, alpha: float) -> Map:
        """Christoffel symbols as a function of coordinates in units of a point."""
        real("alpha", alpha)
        place = point if self.family.units is None else self._framed(point)[1]
        local = self.local(place)
        return lambda y: local.raised(y, alpha)

    def riemann(self, point: Point, alpha: float = 0.0) -> Tensor:
        r"""Curvature tensor :math:`R^l{}_{kij}` as ``[.., l, k, i, j]``: ``(*batch, d, d, d, d)``.

        .. math:: R^l{}_{kij} = \partial_i \Gamma^l_{jk} - \partial_j \Gamma^l_{ik}
                  + \Gamma^l_{im} \Gamma^m_{jk} - \Gamma^l_{jm} \Gamma^m_{ik}
        """
        unit = self._framed(point)[2]
        mixed = self._bent(point, alpha) * (unit[..., None] / unit.unsqueeze(-2))[..., None, None]
        return mixed / unit[..., None, None, :, None] / unit[..., None, None, None, :]

    def _bent(self, point: Point, alpha: float) -> Tensor:
        """The curvature tensor in units of the point."""
        y, raised = self._framed(point)[1], self._symbols(point, alpha)
        symbols = raised(y)
        change = jacobian(raised, y)  # (.., l, j, k, i)
        half = torch.einsum("...ljki->...lkij", change)
        half = half + torch.einsum("...lim,...mjk->...lkij", symbols, symbols)
        return half - half.transpose(-1, -2)

    def ricci(self, point: Point, alpha: float = 0.0) -> Tensor:
        r"""Ricci tensor :math:`R^i{}_{kij}` as ``[.., k, j]``: ``(*batch, d, d)``."""
        unit = self._framed(point)[2]
        found = torch.einsum("...ikij->...kj", self._bent(point, alpha))
        return found / unit.unsqueeze(-1) / unit.unsqueeze(-2)

    def scalar_curvature(self, point: Point, alpha: float = 0.0) -> Tensor:
        r"""Scalar curvature :math:`g^{kj} R_{kj}`: ``(*batch)``."""
        ricci = torch.einsum("...ikij->...kj", self._bent(point, alpha))
        raised = torch.linalg.solve(self._metric_in_units(point), ricci)
        return raised.diagonal(dim1=-2, dim2=-1).sum(-1)

    def sectional_curvature(
        self, point: Point, vector: Tensor, other: Tensor, alpha: float = 0.0
    ) -> Tensor:
        r"""Curvature of the plane of two vectors: ``(*batch)``.

        .. math:: K = \frac{\langle R(v, w) w, v \rangle}
                  {\langle v, v \rangle \langle w, w \rangle - \langle v, w \rangle^2}

        Raises:
            ValueError: the vectors are parallel.
        """
        x, _, unit = self._framed(point)
        vector, other = tangent("vector", x, vector) / unit, tangent("other", x, other) / unit
        metric = self._metric_in_units(point)
        turned = torch.einsum(
            "...lkij,...k,...i,...j->...l", self._bent(point, alpha), other, vector, other
        )
        v, w = matvec(metric, vector), matvec(metric, other)
        lengths = (v * vector).sum(-1) * (w * other).sum(-1)
        area = lengths - (v * other).sum(-1).square()
        if bool((area <= 1e-14 * lengths).any()):
            raise ValueError(complain("other", "a vector that is not parallel to the first", "one"))
        return (v * turned).sum(-1) / area

    def _metric_in_units(self, point: Point) -> Tensor:
        y = self._framed(point)[1]
        return self.local(point if self.family.units is None else y).metric(y)

    def curvature(self, point: Point, alpha: float = 0.0) -> Tensor:
        """Mean of the sectional curvatures of all planes: ``(*batch)``.

        It is that of every plane where curvature is constant: -1/2 for Normal, 1/4 for Categorical.
        With a single coordinate it is 0.
        """
        x = self.point(point)
        d = x.shape[-1]
        if d == 1:
            return torch.zeros_like(x[..., 0])
        return self.scalar_curvature(point, alpha) / (d * (d - 1))

    def length(self, along: Curve, nodes: int = 200) -> Tensor:
        """Length of a curve, by the trapezoid rule: ``(*batch)``."""
        t = torch.linspace(0, 1, nodes, dtype=torch.float64)
        speed = self.norm(along(t), along.velocity(t))
        return torch.trapezoid(speed, t.to(speed), dim=0)

    def frechet_mean(
        self,
        points: Point,
        weights: Tensor | None = None,
        *,
        max_steps: int = 100,
        tolerance: float = 1e-12,
    ) -> Tensor:
        r"""The point of least mean squared distance to points ``(n, *batch, d)``: ``(*batch, d)``.

        .. math:: m = \arg\min_m \sum_i w_i\, d(m, x_i)^2, \qquad
                  m \leftarrow \exp_m \Bigl(\sum_i w_i \log_m x_i\Bigr)

        Args:
            points: along the first dim; or a list of them.
            weights: ``(n,)``, which are normalized; equal by default.
            max_steps: most steps.
            tolerance: length of a step that counts as none.

        Raises:
            ValueError: weights are negative, or the steps do not settle.
        """
        x = self.point(points, "points")
        positive_int("max_steps", max_steps)
        shares = torch.ones(len(x)) if weights is None else torch.as_tensor(weights)
        shares = shares.to(x)
        if len(shares) != len(x) or not bool((shares >= 0).all()) or not bool(shares.sum() > 0):
            expected = f"{len(x)} numbers >= 0, not all 0"
            raise ValueError(complain("weights", expected, shares.tolist()))
        shares = (shares / shares.sum()).reshape(-1, *[1] * (x.dim() - 1))
        mean, rate, before = x[0], 1.0, float("inf")
        for _ in range(max_steps):
            step = (shares * self.log_map(mean.expand_as(x), x)).sum(0)
            size = float(self.norm(mean, step).detach().max()) if step.numel() else 0.0
            rate = rate / 2 if size > before else rate
            before = size
            mean = self.exp_map(mean, rate * step)
            if size <= max(tolerance, 4 * torch.finfo(x.dtype).eps):
                return mean
        if size > tolerance**0.5:
            got = f"a step of length {size:.2g} after {max_steps}"
            raise ValueError(complain("max_steps", "enough of them to settle", got))
        return mean
