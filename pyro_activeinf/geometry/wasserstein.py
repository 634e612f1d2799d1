"""Optimal transport between Gaussians, as a geometry."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .._checks import complain, real
from .curves import Curve, Formula
from .family import Family
from .gaussian import MultivariateNormal, joined, parted
from .local import Local, Riemannian
from .manifold import Manifold, Point, polyline, tangent
from .transport import carry

NEAR = 1e-6  # of a squared distance, relative to the variances


class WassersteinGaussians(Manifold):
    r"""Gaussians with the Wasserstein-2 distance: how far mass has to be moved.

    .. math:: W_2^2 = |\mu - \mu'|^2
              + \mathrm{tr}\bigl(\Sigma + \Sigma'
              - 2 (\Sigma^{1/2} \Sigma' \Sigma^{1/2})^{1/2}\bigr)

    Points are Gaussians, or n numbers of a location and n (n + 1) / 2 of a covariance (its lower
    triangle). The metric is :math:`|\dot\mu|^2 + \mathrm{tr}(L \Sigma L)` with :math:`L \Sigma +
    \Sigma L = \dot\Sigma`. The interface is that of :class:`StatisticalManifold` with alpha = 0;
    :meth:`frechet_mean` is the barycenter. Distances are in the units of the outcomes.

    Raises:
        ValueError: from methods, where a covariance is not positive definite, a geodesic leaves
            the domain, or alpha is not 0.

    Reference: Takatsu (2011), "Wasserstein geometry of Gaussian measures"; Alvarez-Esteban et al.
    (2016), "A fixed-point approach to barycenters in Wasserstein space".

    Example:
        >>> import pyro.distributions as dist
        >>> manifold = WassersteinGaussians()
        >>> near = dist.MultivariateNormal(torch.zeros(2), torch.eye(2))
        >>> far = dist.MultivariateNormal(torch.tensor([3.0, 0.0]), 9 * torch.eye(2))
        >>> round(manifold.distance(near, far).item(), 4)  # sqrt(3^2 + 2 * (3 - 1)^2)
        4.1231
        >>> manifold.geodesic(near, far)(0.5).tolist()
        [1.5, 0.0, 4.0, 0.0, 4.0]
    """

    def __init__(self) -> None:
        self.family: Family = MultivariateNormal()

    def local(self, point: Point) -> Local:
        """Metric and its connection."""
        return Riemannian(_metric)

    def exp_map(
        self, point: Point, vector: Tensor, alpha: float = 0.0, time: float | Tensor = 1.0
    ) -> Tensor:
        """Where the geodesic with this velocity is after some time: ``(*batch, d)``.

        Raises:
            ValueError: mass is moved through itself, so that it is no geodesic any more.
        """
        _require_zero(alpha)
        x = self.point(point)
        loc, covariance = parted(x)
        velocity, change = parted(tangent("vector", x, vector) * time)
        push = torch.eye(loc.shape[-1]).to(loc) + lyapunov(covariance, change)
        if not bool((torch.linalg.cholesky_ex(push)[1] == 0).all()):
            expected = "one along which the covariance stays positive definite"
            raise ValueError(complain("vector", expected, "a longer one", "Shorten it."))
        return joined(loc + velocity, push @ covariance @ push)

    def log_map(self, point: Point, other: Point, alpha: float = 0.0) -> Tensor:
        """The velocity at ``point`` of the geodesic that is at ``other`` after unit time."""
        _require_zero(alpha)
        (loc, first), (goal, second) = parted(self.point(point)), parted(self.point(other, "other"))
        push = _push(first, second)
        return joined(goal - loc, push @ first + first @ push)

    def distance(self, point: Point, other: Point) -> Tensor:
        """Wasserstein-2 distance: ``(*batch)``."""
        (loc, first), (goal, second) = parted(self.point(point)), parted(self.point(other, "other"))
        root = square_root(first)
        whole = _trace(first + second)
        cross = whole - 2 * _trace(square_root(root @ second @ root))
        push = _push(first, second)
        near = (push @ first * push).sum((-1, -2))  # what traces lose by cancellation
        cross = torch.where(cross < NEAR * whole, near, cross)
        square = (goal - loc).square().sum(-1) + cross.clamp(min=0.0)
        return torch.where(square > 0, torch.where(square > 0, square, 1.0).sqrt(), 0.0)

    def geodesic(
        self,
        point: Point,
        other: Point | None = None,
        *,
        velocity: Tensor | None = None,
        alpha: float = 0.0,
    ) -> Curve:
        """The geodesic to another point, or with a velocity; a function of times from 0 to 1."""
        if (other is None) == (velocity is None):
            got = "both" if velocity is not None else "neither"
            raise ValueError(complain("other, velocity", "one of them", got))
        x = self.point(point)
        v = self.log_map(x, other, alpha) if velocity is None else velocity
        x, v = torch.broadcast_tensors(x, v)

        def at(t: Tensor) -> Tensor:
            return self.exp_map(x, v, alpha, t.to(v))

        return Formula(at, x.dim())

    def parallel_transport(self, vector: Tensor, along: Any, alpha: float = 0.0) -> Tensor:
        """Carry a vector from the start of a curve to its end: ``(*batch, d)``."""
        _require_zero(alpha)
        curve = along if isinstance(along, Curve) else polyline(self.point(along, "along"))
        vector = tangent("vector", curve(0.0), vector)
        return carry(self.local, curve, vector, alpha)


def _require_zero(alpha: float) -> None:
    if real("alpha", alpha) != 0:
        way_out = "The other connections are those of a StatisticalManifold."
        raise ValueError(complain("alpha", "0", alpha, way_out))


def _trace(a: Tensor) -> Tensor:
    return a.diagonal(dim1=-2, dim2=-1).sum(-1)


def _push(first: Tensor, second: Tensor) -> Tensor:
    """The map that carries one covariance to another, as far as it is not the unit matrix."""
    root = square_root(first)
    middle = square_root(root @ second @ root)
    back = torch.linalg.solve(root, torch.linalg.solve(root, middle).mT)
    return (back + back.mT) / 2 - torch.eye(first.shape[-1]).to(first)


def lyapunov(a: Tensor, b: Tensor) -> Tensor:
    """The symmetric L for which ``L a + a L = b``."""
    n = a.shape[-1]
    eye = torch.eye(n).to(a)
    both = torch.einsum("...ik,jl->...ijkl", a, eye) + torch.einsum("...jl,ik->...ijkl", a, eye)
    # an inverse: second derivatives of `solve` by forward differentiation are wrong in torch 2.13
    flat = torch.linalg.inv(both.flatten(-4, -3).flatten(-2)) @ b.flatten(-2).unsqueeze(-1)
    found = flat.squeeze(-1).unflatten(-1, (n, n))
    return (found + found.mT) / 2


def square_root(a: Tensor) -> Tensor:
    """Square root of a positive definite matrix; Newton's steps make it differentiable, twice."""
    values, vectors = torch.linalg.eigh(a.detach())
    root = (vectors * values.clamp(min=0.0).sqrt().unsqueeze(-2)) @ vectors.mT
    for _ in range(2):
        root = root + lyapunov(root, a - root @ root)
    return root


def _metric(x: Tensor) -> Tensor:
    """Of location and covariance: half the trace of L times the rate, in the lower triangle."""
    loc, covariance = parted(x)
    n, d = loc.shape[-1], x.shape[-1]
    basis = parted(torch.eye(d).to(x))[1][n:]  # (d - n, n, n)
    pushes = lyapunov(covariance.unsqueeze(-3), basis.expand(*x.shape[:-1], d - n, n, n))
    block = torch.einsum("...aij,bij->...ab", pushes, basis) / 2
    batch = x.shape[:-1]
    straight = torch.eye(n).to(x).expand(*batch, n, n)
    none = x.new_zeros(*batch, n, d - n)
    return torch.cat([torch.cat([straight, none], -1), torch.cat([none.mT, block], -1)], -2)
