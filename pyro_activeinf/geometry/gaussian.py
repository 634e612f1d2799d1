"""Gaussian families: of one number, and of vectors with a full covariance."""

from __future__ import annotations

import math
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch import distributions as torch_dist
from torch.distributions import kl_divergence

from .._checks import complain
from . import eriksen
from .autodiff import jacobian, solve
from .family import Closed, ExponentialFamily, Isometry
from .lines import positive
from .matrices import Precisions
from .spaces import HalfPlane


class Normal(ExponentialFamily):
    r"""Normal distributions; usual coordinates: location, scale. A half-plane of curvature -1/2.

    .. math:: ds^2 = \frac{d\mu^2 + 2\, d\sigma^2}{\sigma^2}
    """

    name, domain = "Normal", "a scale > 0"
    kinds = (torch_dist.Normal,)

    def __init__(self) -> None:
        self.units = _scales
        self.closed = Closed(
            isometry=Isometry(
                HalfPlane(),
                lambda x: torch.cat([x[..., :1] / 2**0.5, x[..., 1:]], -1),
                lambda y: torch.cat([y[..., :1] * 2**0.5, y[..., 1:]], -1),
                lambda y: positive(y[..., 1:]),
            )
        )

    def coordinates(self, distribution: Any) -> Tensor:
        """Location and scale."""
        return torch.stack(torch.broadcast_tensors(distribution.loc, distribution.scale), -1)

    def distribution(self, point: Tensor) -> Any:
        """The distribution."""
        return dist.Normal(point[..., 0], point[..., 1])

    def valid(self, point: Tensor) -> Tensor:
        """Whether the scale is positive."""
        return positive(point[..., 1:]) & point[..., 0].isfinite() & (point.shape[-1] == 2)

    def free(self, point: Tensor) -> Tensor:
        """Location and log scale."""
        return torch.cat([point[..., :1], point[..., 1:].log()], -1)

    def from_free(self, free: Tensor) -> Tensor:
        """Location and scale."""
        return torch.cat([free[..., :1], free[..., 1:].exp()], -1)

    def locations(self, size: int) -> int:
        """The location."""
        return 1

    def natural(self, point: Tensor) -> Tensor:
        r""":math:`\mu / \sigma^2, -1 / 2 \sigma^2`, for x and its square."""
        loc, scale = point.split(1, -1)
        precision = scale.pow(-2)
        return torch.cat([loc * precision, -precision / 2], -1)

    def from_natural(self, natural: Tensor) -> Tensor:
        """Location and scale."""
        variance = -0.5 / natural[..., 1:]
        return torch.cat([natural[..., :1] * variance, variance.sqrt()], -1)

    def mean(self, point: Tensor) -> Tensor:
        r""":math:`\mu, \mu^2 + \sigma^2`."""
        loc, scale = point.split(1, -1)
        return torch.cat([loc, loc.square() + scale.square()], -1)

    def from_mean(self, mean: Tensor) -> Tensor:
        """Location and scale."""
        first, second = mean.split(1, -1)
        return torch.cat([first, (second - first.square()).sqrt()], -1)

    def log_partition(self, natural: Tensor) -> Tensor:
        """Half of log(2 pi variance) + mean^2 / variance."""
        variance = -0.5 / natural[..., 1]
        return ((2 * math.pi * variance).log() + natural[..., 0].square() * variance) / 2

    def kl(self, point: Tensor, other: Tensor) -> Tensor:
        """KL divergence."""
        return kl_divergence(self.distribution(point), self.distribution(other))


class MultivariateNormal(ExponentialFamily):
    """Gaussian vectors; usual coordinates: n of the location, n (n + 1) / 2 of the covariance.

    The latter are the lower triangle, row by row. Geodesics of alpha = 0 are those of Eriksen
    (1987), "Geodesics connected with the Fisher metric on the multivariate normal manifold".
    """

    name = "MultivariateNormal"
    domain = "n + n (n + 1) / 2 numbers, of a location and a positive definite covariance"
    kinds = (torch_dist.MultivariateNormal, torch_dist.LowRankMultivariateNormal)

    def __init__(self) -> None:
        self.closed = Closed(exp=_exp, log=_log)

    def coordinates(self, distribution: Any) -> Tensor:
        """Location and covariance."""
        return joined(distribution.loc, distribution.covariance_matrix)

    def distribution(self, point: Tensor) -> Any:
        """The distribution."""
        loc, covariance = parted(point)
        return dist.MultivariateNormal(loc, scale_tril=torch.linalg.cholesky(covariance))

    def valid(self, point: Tensor) -> Tensor:
        """Whether the covariance is positive definite."""
        if event_size(point.shape[-1]) is None:
            return torch.zeros(point.shape[:-1], dtype=torch.bool)
        finite = point.isfinite().all(-1)
        _, covariance = parted(torch.where(finite[..., None], point, 0.0))
        return finite & (torch.linalg.cholesky_ex(covariance)[1] == 0)

    def free(self, point: Tensor) -> Tensor:
        """Location, and the Cholesky factor with logarithms on its diagonal."""
        loc, covariance = parted(point)
        factor = torch.linalg.cholesky_ex(covariance)[0]
        diagonal = factor.diagonal(dim1=-2, dim2=-1)
        return joined(loc, factor - torch.diag_embed(diagonal) + torch.diag_embed(diagonal.log()))

    def from_free(self, free: Tensor) -> Tensor:
        """Location and covariance."""
        loc, symmetric = parted(free)
        factor = symmetric.tril(-1) + torch.diag_embed(symmetric.diagonal(dim1=-2, dim2=-1).exp())
        return joined(loc, factor @ factor.mT)

    def locations(self, size: int) -> int:
        """The location."""
        return event_size(size) or 0

    def natural(self, point: Tensor) -> Tensor:
        r""":math:`\Sigma^{-1} \mu, -\Sigma^{-1} / 2`, for x and half of its square."""
        loc, covariance = parted(point)
        dual = Precisions(loc.shape[-1])
        return lowered(*dual.split(dual.of(loc, covariance)))

    def from_natural(self, natural: Tensor) -> Tensor:
        """Location and covariance."""
        dual, whole = raised(natural)
        return joined(*dual.loc_and_covariance(whole))

    def mean(self, point: Tensor) -> Tensor:
        r""":math:`\mu, \Sigma + \mu \mu^\top`."""
        loc, covariance = parted(point)
        dual = Precisions(loc.shape[-1])
        return joined(*dual.split(dual.from_covariance(loc, covariance)))

    def from_mean(self, mean: Tensor) -> Tensor:
        """Location and covariance."""
        loc, second = parted(mean)
        return joined(loc, second - loc.unsqueeze(-1) * loc.unsqueeze(-2))

    def log_partition(self, natural: Tensor) -> Tensor:
        """Half of the log determinant of 2 pi covariance, and of the squared standard location."""
        dual, whole = raised(natural)
        return dual.log_partition(whole)

    def kl(self, point: Tensor, other: Tensor) -> Tensor:
        """KL divergence."""
        return kl_divergence(self.distribution(point), self.distribution(other))


def _scales(point: Tensor) -> Tensor:
    """The scale, for location and scale."""
    return point[..., 1:].expand_as(point)


def event_size(size: int) -> int | None:
    """n, where there are n + n (n + 1) / 2 coordinates."""
    n = round((math.sqrt(9 + 8 * size) - 3) / 2)
    return n if n * (n + 3) == 2 * size else None


def joined(loc: Tensor, symmetric: Tensor) -> Tensor:
    """A vector and the lower triangle of a matrix, in one."""
    n = loc.shape[-1]
    rows, columns = torch.tril_indices(n, n, device=loc.device)
    batch = torch.broadcast_shapes(loc.shape[:-1], symmetric.shape[:-2])
    lower = symmetric[..., rows, columns]
    return torch.cat([loc.expand(*batch, n), lower.expand(*batch, lower.shape[-1])], -1)


def parted(point: Tensor) -> tuple[Tensor, Tensor]:
    """A vector, and the symmetric matrix whose lower triangle is given.

    Raises:
        ValueError: where the number of coordinates fits no n.
    """
    n = event_size(point.shape[-1])
    if n is None:
        got = f"{point.shape[-1]} of them"
        raise ValueError(complain("coordinates", "n + n (n + 1) / 2 of them", got))
    places = torch.arange(n, device=point.device)
    high = torch.maximum(places[:, None], places)
    low = torch.minimum(places[:, None], places)
    return point[..., :n], point[..., n:][..., high * (high + 1) // 2 + low]


def lowered(first: Tensor, second: Tensor) -> Tensor:
    """Natural coordinates for the lower triangle of a square, from those for all of it."""
    diagonal = second.diagonal(dim1=-2, dim2=-1)
    return joined(first, second + second.mT - torch.diag_embed(diagonal))


def raised(natural: Tensor) -> tuple[Precisions, Tensor]:
    """The reverse of that: the dual coordinates, and where in them it is."""
    first, second = parted(natural)
    diagonal = second.diagonal(dim1=-2, dim2=-1)
    dual = Precisions(first.shape[-1])
    return dual, dual.join(first, (second + torch.diag_embed(diagonal)) / 2)


def _exp(point: Tensor, vector: Tensor) -> Tensor:
    return joined(*eriksen.go(parted(point), parted(vector)))


def _log(point: Tensor, other: Tensor) -> Tensor:
    """By Newton's method, whose last step is differentiable."""
    with torch.no_grad():
        found = joined(*eriksen.between(parted(point.detach()), parted(other.detach())))
    if not (torch.is_grad_enabled() and (point.requires_grad or other.requires_grad)):
        return found
    slope = jacobian(lambda v: _exp(point.detach(), v), found)
    return found + solve(slope, other - _exp(point, found))
