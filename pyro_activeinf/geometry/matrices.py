"""Dual coordinates of families that have matrices: Gaussian vectors, and Wishart."""

from __future__ import annotations

import math
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from .legendre import Legendre
from .newton import inverse_mean

LOG_2PI = math.log(2 * math.pi)


class Precisions(Legendre):
    r"""A vector. :math:`T(x) = (x, x x^\top)`, :math:`\lambda = (V^{-1} m, -V^{-1} / 2)`, h = 1.

    Args:
        dim: n; coordinates are n numbers and the n rows of a matrix, which need not be symmetric.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def split(self, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        """The vector ``(*batch, n)`` and the matrix ``(*batch, n, n)``."""
        second = coordinates[..., self.dim :].unflatten(-1, (self.dim, self.dim))
        return coordinates[..., : self.dim], second

    def join(self, first: Tensor, second: Tensor) -> Tensor:
        """Coordinates from both."""
        return torch.cat([first, second.flatten(-2)], -1)

    def log_partition(self, natural: Tensor) -> Tensor:
        """Half of log det(2 pi V) + m' V^-1 m."""
        shift, factor = self._factored(natural)
        white = torch.linalg.solve_triangular(factor, shift.unsqueeze(-1), upper=False)
        log_det = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return (white.square().sum((-2, -1)) - log_det + self.dim * LOG_2PI) / 2

    def mean(self, natural: Tensor) -> Tensor:
        """E[x] and E[x x']."""
        return self.from_covariance(*self.loc_and_covariance(natural))

    def natural(self, mean: Tensor) -> Tensor:
        """From E[x] and E[x x']; NaN where these have no covariance."""
        loc, outer = self.split(mean)
        covariance = (outer + outer.mT) / 2 - loc.unsqueeze(-1) * loc.unsqueeze(-2)
        return self.of(loc, covariance)

    def of(self, loc: Tensor, covariance: Tensor) -> Tensor:
        """From a location and a covariance; NaN where it is none."""
        precision = _inverse(covariance)
        return self.join((precision @ loc.unsqueeze(-1)).squeeze(-1), -precision / 2)

    def from_covariance(self, loc: Tensor, covariance: Tensor) -> Tensor:
        """Means from a location and a covariance."""
        return self.join(loc, covariance + loc.unsqueeze(-1) * loc.unsqueeze(-2))

    def valid(self, natural: Tensor) -> Tensor:
        """Whether the precision is positive definite."""
        factored = torch.linalg.cholesky_ex(self._precision(natural).nan_to_num(0.0))
        return (factored.info == 0) & natural.isfinite().all(-1)

    def distribution(self, natural: Tensor) -> Any:
        """MultivariateNormal."""
        loc, covariance = self.loc_and_covariance(natural)
        return dist.MultivariateNormal(loc, covariance)

    def loc_and_covariance(self, natural: Tensor) -> tuple[Tensor, Tensor]:
        """Location ``(*batch, n)`` and covariance ``(*batch, n, n)``; NaN outside the domain."""
        covariance = _inverse(self._precision(natural))
        return (covariance @ self.split(natural)[0].unsqueeze(-1)).squeeze(-1), covariance

    def _precision(self, natural: Tensor) -> Tensor:
        second = self.split(natural)[1]
        return -(second + second.mT)

    def _factored(self, natural: Tensor) -> tuple[Tensor, Tensor]:
        return self.split(natural)[0], _cholesky(self._precision(natural))


class Wishart(Legendre):
    r"""A precision matrix. :math:`T(X) = (\log |X|, X)`, h = :math:`|X|^{-(d + 1) / 2}`.

    .. math:: \lambda = (\nu / 2, -S / 2), \qquad E[X] = \nu S^{-1}

    Args:
        dim: n; coordinates are a number and the n rows of a matrix, which need not be symmetric.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def log_partition(self, natural: Tensor) -> Tensor:
        """Log Gamma_d(nu / 2) - nu / 2 log det(S / 2)."""
        half, scale = self._half_and_scale(natural)
        return torch.mvlgamma(half, self.dim) - half * torch.logdet(scale)

    def mean(self, natural: Tensor) -> Tensor:
        """E[log det X] and E[X]."""
        half, scale = self._half_and_scale(natural)
        log_det = self._digamma(half) - torch.logdet(scale)
        return self._join(log_det, half[..., None, None] * torch.linalg.inv(scale))

    def natural(self, mean: Tensor) -> Tensor:
        """By Newton's method for the degrees of freedom."""
        log_det, matrix = self._split(mean)
        gap = torch.logdet(matrix) - log_det

        def surplus(half: Tensor) -> Tensor:
            return self._digamma(half) - self.dim * half.log()

        half = inverse_mean(surplus, -gap, (self.dim - 1) / 2)
        return self._join(half, -half[..., None, None] * torch.linalg.inv(matrix))

    def valid(self, natural: Tensor) -> Tensor:
        """Whether nu > d - 1 and S is positive definite."""
        half, scale = self._half_and_scale(natural)
        fine = torch.linalg.cholesky_ex(scale.nan_to_num(0.0)).info == 0
        return fine & (half > (self.dim - 1) / 2) & natural.isfinite().all(-1)

    def distribution(self, natural: Tensor) -> Any:
        """Wishart."""
        half, scale = self._half_and_scale(natural)
        return dist.Wishart(df=2 * half, precision_matrix=2 * scale)

    def _digamma(self, half: Tensor) -> Tensor:
        """Of n dimensions."""
        steps = torch.arange(self.dim, dtype=half.dtype, device=half.device) / 2
        return torch.digamma(half.unsqueeze(-1) - steps).sum(-1)

    def _split(self, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        return coordinates[..., 0], coordinates[..., 1:].unflatten(-1, (self.dim, self.dim))

    def _join(self, number: Tensor, matrix: Tensor) -> Tensor:
        return torch.cat([number.unsqueeze(-1), matrix.flatten(-2)], -1)

    def _half_and_scale(self, natural: Tensor) -> tuple[Tensor, Tensor]:
        half, second = self._split(natural)
        return half, -(second + second.mT) / 2


def _cholesky(matrix: Tensor) -> Tensor:
    """The lower factor; NaN where there is none."""
    factor, wrong = torch.linalg.cholesky_ex(matrix)
    return torch.where((wrong == 0)[..., None, None], factor, math.nan)


def _inverse(matrix: Tensor) -> Tensor:
    """Of a positive definite matrix; NaN where it is none."""
    one = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    # cholesky_inverse has a wrong forward derivative (torch 2)
    return torch.cholesky_solve(one.expand(matrix.shape), _cholesky(matrix))
