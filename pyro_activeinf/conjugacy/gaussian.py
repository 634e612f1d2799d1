"""Gaussian families."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyro.distributions as dist
import torch
from torch import Tensor

from .. import geometry
from .family import DTYPE, Family
from .known import Known

LOG_2PI = math.log(2 * math.pi)
FLAT = 1e-2  # precision of a belief that says little


class GaussianMoments(NamedTuple):
    """Expected powers of a number."""

    mean: Tensor  # (*batch): E[x]
    square: Tensor  # (*batch): E[x^2]

    @classmethod
    def at(cls, value: Tensor) -> GaussianMoments:
        """Of a known number."""
        return cls(value, value.square())


class VectorMoments(NamedTuple):
    """Expected powers of a vector."""

    mean: Tensor  # (*batch, d): E[x]
    outer: Tensor  # (*batch, d, d): E[x x']

    @classmethod
    def at(cls, value: Tensor) -> VectorMoments:
        """Of a known vector."""
        return cls(value, value.unsqueeze(-1) * value.unsqueeze(-2))


@dataclass(frozen=True)
class Gaussian(Known):
    r"""A number. :math:`T(x) = (x, x^2)`, :math:`\lambda = (m / v, -1 / 2v)`, h = 1.

    Example:
        >>> belief = Gaussian().natural(torch.tensor([1.0, 5.0]))
        >>> Gaussian().distribution(belief)
        Normal(loc: 1.0, scale: 2.0)
    """

    geometry = geometry.Normal()
    moments_type = GaussianMoments
    parts = ((), ())
    event_shape = ()

    def statistics(self, value: Tensor) -> Tensor:
        """x and its square."""
        return self.join(*GaussianMoments.at(value))

    def log_base(self, value: Tensor) -> Tensor:
        """Zero."""
        return torch.zeros_like(value)

    def neutral(self) -> Tensor:
        """About zero, and wide."""
        return torch.tensor([0.0, -FLAT / 2], dtype=DTYPE)


@dataclass(frozen=True)
class MultivariateGaussian(Family):
    r"""A vector. :math:`T(x) = (x, x x^\top)`, :math:`\lambda = (V^{-1} m, -V^{-1} / 2)`, h = 1."""

    dim: int
    moments_type = VectorMoments

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """A vector and a matrix."""
        return (self.dim,), (self.dim, self.dim)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """A vector."""
        return (self.dim,)

    def statistics(self, value: Tensor) -> Tensor:
        """x and x x'."""
        return self.join(*VectorMoments.at(value))

    def log_base(self, value: Tensor) -> Tensor:
        """Zero."""
        return value.new_zeros(value.shape[:-1])

    def log_partition(self, natural: Tensor) -> Tensor:
        """Half of log det(2 pi V) + m' V^-1 m."""
        shift, factor = self._factored(natural)
        white = torch.linalg.solve_triangular(factor, shift.unsqueeze(-1), upper=False)
        log_det = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return (white.square().sum((-2, -1)) - log_det + self.dim * LOG_2PI) / 2

    def mean(self, natural: Tensor) -> Tensor:
        """E[x] and E[x x']."""
        loc, covariance = self.loc_and_covariance(natural)
        return self.join(loc, covariance + loc.unsqueeze(-1) * loc.unsqueeze(-2))

    def natural(self, mean: Tensor) -> Tensor:
        """From E[x] and E[x x']; NaN where these have no covariance."""
        loc, outer = self.split(mean)
        covariance = (outer + outer.mT) / 2 - loc.unsqueeze(-1) * loc.unsqueeze(-2)
        factor, wrong = torch.linalg.cholesky_ex(covariance)
        factor = torch.where((wrong == 0)[..., None, None], factor, math.nan)
        precision = torch.cholesky_inverse(factor)
        return self.join((precision @ loc.unsqueeze(-1)).squeeze(-1), -precision / 2)

    def valid(self, natural: Tensor) -> Tensor:
        """Whether the precision is positive definite."""
        factored = torch.linalg.cholesky_ex(self._precision(natural).nan_to_num(0.0))
        return (factored.info == 0) & natural.isfinite().all(-1)

    def neutral(self) -> Tensor:
        """About zero, and wide."""
        one = torch.eye(self.dim, dtype=DTYPE)
        return self.join(torch.zeros(self.dim, dtype=DTYPE), -FLAT / 2 * one)

    def distribution(self, natural: Tensor) -> Any:
        """MultivariateNormal."""
        loc, covariance = self.loc_and_covariance(natural)
        return dist.MultivariateNormal(loc, covariance)

    def loc_and_covariance(self, natural: Tensor) -> tuple[Tensor, Tensor]:
        """Location ``(*batch, d)`` and covariance ``(*batch, d, d)``."""
        shift, factor = self._factored(natural)
        covariance = torch.cholesky_inverse(factor)
        return (covariance @ shift.unsqueeze(-1)).squeeze(-1), covariance

    def _precision(self, natural: Tensor) -> Tensor:
        second = self.split(natural)[1]
        return -(second + second.mT)

    def _factored(self, natural: Tensor) -> tuple[Tensor, Tensor]:
        return self.split(natural)[0], torch.linalg.cholesky(self._precision(natural))
