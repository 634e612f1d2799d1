"""Families of precisions and rates: gamma and Wishart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import pyro.distributions as dist
import torch
from torch import Tensor

from .. import geometry
from .family import DTYPE, Family
from .known import Known
from .newton import inverse_mean


class GammaMoments(NamedTuple):
    """Of a positive number."""

    log: Tensor  # (*batch): E[log x]
    mean: Tensor  # (*batch): E[x]

    @classmethod
    def at(cls, value: Tensor) -> GammaMoments:
        """Of a known number."""
        return cls(value.log(), value)


class WishartMoments(NamedTuple):
    """Of a positive definite matrix."""

    log_det: Tensor  # (*batch): E[log |X|]
    mean: Tensor  # (*batch, d, d): E[X]

    @classmethod
    def at(cls, value: Tensor) -> WishartMoments:
        """Of a known matrix."""
        return cls(torch.logdet(value), value)


@dataclass(frozen=True)
class Gamma(Known):
    r"""A positive number. :math:`T(x) = (\log x, x)`, :math:`\lambda = (a, -b)`, h = 1/x."""

    geometry = geometry.Gamma()
    moments_type = GammaMoments
    parts = ((), ())
    event_shape = ()

    def statistics(self, value: Tensor) -> Tensor:
        """Log x and x."""
        return self.join(*GammaMoments.at(value))

    def log_base(self, value: Tensor) -> Tensor:
        """Minus log x."""
        return -value.log()

    def neutral(self) -> Tensor:
        """Shape and rate 1."""
        return torch.tensor([1.0, -1.0], dtype=DTYPE)


@dataclass(frozen=True)
class Wishart(Family):
    r"""A precision matrix. :math:`T(X) = (\log |X|, X)`, h = :math:`|X|^{-(d + 1) / 2}`.

    .. math:: \lambda = (\nu / 2, -S / 2), \qquad E[X] = \nu S^{-1}
    """

    dim: int
    moments_type = WishartMoments

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """A number and a matrix."""
        return (), (self.dim, self.dim)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """A matrix."""
        return self.dim, self.dim

    def statistics(self, value: Tensor) -> Tensor:
        """Log det X and X."""
        return self.join(*WishartMoments.at(value))

    def log_base(self, value: Tensor) -> Tensor:
        """Minus (d + 1) / 2 log det X."""
        return -(self.dim + 1) / 2 * torch.logdet(value)

    def log_partition(self, natural: Tensor) -> Tensor:
        """Log Gamma_d(nu / 2) - nu / 2 log det(S / 2)."""
        half, scale = self._half_and_scale(natural)
        return torch.mvlgamma(half, self.dim) - half * torch.logdet(scale)

    def mean(self, natural: Tensor) -> Tensor:
        """E[log det X] and E[X]."""
        half, scale = self._half_and_scale(natural)
        steps = torch.arange(self.dim, dtype=half.dtype, device=half.device) / 2
        log_det = torch.digamma(half.unsqueeze(-1) - steps).sum(-1) - torch.logdet(scale)
        return self.join(log_det, half[..., None, None] * torch.linalg.inv(scale))

    def natural(self, mean: Tensor) -> Tensor:
        """By Newton's method for the degrees of freedom."""
        log_det, matrix = self.split(mean)
        steps = torch.arange(self.dim, dtype=mean.dtype, device=mean.device) / 2
        gap = torch.logdet(matrix) - log_det

        def surplus(half: Tensor) -> Tensor:
            inner = torch.digamma(half.unsqueeze(-1) - steps).sum(-1)
            return inner - self.dim * half.log()

        half = inverse_mean(surplus, -gap, (self.dim - 1) / 2)
        return self.join(half, -half[..., None, None] * torch.linalg.inv(matrix))

    def valid(self, natural: Tensor) -> Tensor:
        """Whether nu > d - 1 and S is positive definite."""
        half, scale = self._half_and_scale(natural)
        fine = torch.linalg.cholesky_ex(scale.nan_to_num(0.0)).info == 0
        return fine & (half > (self.dim - 1) / 2) & natural.isfinite().all(-1)

    def neutral(self) -> Tensor:
        """About the identity, with d + 1 degrees of freedom."""
        return self.join(
            torch.tensor((self.dim + 1) / 2, dtype=DTYPE),
            -(self.dim + 1) / 2 * torch.eye(self.dim, dtype=DTYPE),
        )

    def distribution(self, natural: Tensor) -> Any:
        """Wishart."""
        half, scale = self._half_and_scale(natural)
        return dist.Wishart(df=2 * half, precision_matrix=2 * scale)

    def _half_and_scale(self, natural: Tensor) -> tuple[Tensor, Tensor]:
        half, second = self.split(natural)
        return half, -(second + second.mT) / 2
