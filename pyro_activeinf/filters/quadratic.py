"""Quadratic log-potentials: what Gaussian levels tell each other."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..compile import apply
from .gaussian_update import symmetric


@dataclass(frozen=True)
class Quadratic:
    r"""A log-potential of a vector.

    .. math:: \log \psi(y) = -\tfrac12 y^T \Lambda y + \eta^T y + \kappa

    Example:
        >>> one = Quadratic(torch.eye(1), torch.ones(1), torch.zeros(()))
        >>> round(one.mass(torch.zeros(1), torch.eye(1)).item(), 4)  # log E exp(-y^2/2 + y)
        -0.0966
    """

    precision: Tensor  # (*batch, k, k)
    slope: Tensor  # (*batch, k)
    constant: Tensor  # (*batch)

    @classmethod
    def of(cls, numbers: Tensor, k: int) -> Quadratic:
        """From ``(*batch, k * k + k + 1)``, which add as potentials multiply."""
        precision = numbers[..., : k * k].unflatten(-1, (k, k))
        return cls(precision, numbers[..., k * k : -1], numbers[..., -1])

    @property
    def numbers(self) -> Tensor:
        """All of it in a row, ``(*batch, k * k + k + 1)``."""
        batch = torch.broadcast_shapes(
            self.precision.shape[:-2], self.slope.shape[:-1], self.constant.shape
        )
        parts = (self.precision.flatten(-2), self.slope, self.constant.unsqueeze(-1))
        return torch.cat([part.expand(*batch, -1) for part in parts], -1)

    def weighing(self, mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor]:
        r"""Mean and covariance of the Gaussian that is proportional to N(y; m, P) psi(y)."""
        after = self.contracted(cov, (mean + apply(cov, self.slope)).unsqueeze(-1))
        return after.squeeze(-1), symmetric(self.contracted(cov, cov))

    def contracted(self, cov: Tensor, columns: Tensor) -> Tensor:
        r"""What the potential leaves of directions ``(*batch, k, n)``: (I + P L)^-1 of them."""
        eye = torch.eye(cov.shape[-1], dtype=cov.dtype, device=cov.device)
        factor, columns = broadcast(eye + cov @ self.precision, columns)
        return torch.linalg.solve(factor, columns)

    def blurred(self, cov: Tensor) -> Quadratic:
        r"""The potential of m that is :math:`\int N(y; m, R) \psi(y) dy`, for singular R too."""
        eye = torch.eye(cov.shape[-1], dtype=cov.dtype, device=cov.device)
        factor = eye + self.precision @ cov
        precision = symmetric(torch.linalg.solve(*broadcast(factor, self.precision)))
        slope = torch.linalg.solve(*broadcast(factor, self.slope.unsqueeze(-1))).squeeze(-1)
        spread = (self.slope * apply(cov, slope)).sum(-1)
        log_det = torch.linalg.slogdet(factor).logabsdet
        return Quadratic(precision, slope, self.constant + 0.5 * (spread - log_det))

    def pulled(self, slope: Tensor, offset: Tensor) -> Quadratic:
        """The potential of x that is psi at ``y = slope x + offset``."""
        precision = slope.mT @ self.precision @ slope
        rest = self.slope - apply(self.precision, offset)
        return Quadratic(precision, apply(slope.mT, rest), self(offset))

    def __call__(self, y: Tensor) -> Tensor:
        """Its logarithm at a vector ``(*batch, k)``."""
        return ((self.slope - 0.5 * apply(self.precision, y)) * y).sum(-1) + self.constant

    def mass(self, mean: Tensor, cov: Tensor) -> Tensor:
        """log E[psi(y)] for a Gaussian y, ``(*batch)``."""
        return self.blurred(cov)(mean)

    def expected(self, mean: Tensor, cov: Tensor) -> Tensor:
        """E[log psi(y)] for a Gaussian y, ``(*batch)``."""
        trace = (self.precision * cov.mT).sum((-1, -2))
        return self(mean) - 0.5 * trace


def broadcast(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Two matrices ``(*batch, .., ..)`` with the batch dims that they have together."""
    batch = torch.broadcast_shapes(one.shape[:-2], other.shape[:-2])
    return one.expand(*batch, *one.shape[-2:]), other.expand(*batch, *other.shape[-2:])
