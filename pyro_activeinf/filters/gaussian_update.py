"""Conditioning of Gaussians: pure functions of means, covariances and linear maps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..compile import LOG_2PI, Linearized, apply, log_det


def predicted_cov(cov: Tensor, move: Linearized) -> Tensor:
    """Covariance after a move, ``A P A' + Q``: ``(*batch, n, n)``."""
    return symmetric(move.slope @ cov @ move.slope.mT + move.noise @ move.noise.mT)


def compact(tensor: Tensor, event: int) -> Tensor:
    """Batch dims along which a tensor was expanded, cut down to one: all entries are the same."""
    for dim in range(tensor.dim() - event):
        if tensor.stride(dim) == 0 and tensor.shape[dim] > 1:
            tensor = tensor.narrow(dim, 0, 1)
    return tensor


def symmetric(matrix: Tensor) -> Tensor:
    """Rid a covariance of what rounding made asymmetric."""
    return 0.5 * (matrix + matrix.mT)


@dataclass(frozen=True)
class Shown:
    """What a belief predicts to be seen, where ``missing`` coordinates are seen to be 0 +- 1."""

    away: Tensor  # (*batch, m): seen less predicted
    slope: Tensor  # (*batch, m, n)
    noise: Tensor  # (*batch, m, m): lower triangular factor of the noise
    missing: Tensor | None  # (*batch, m), or None where everything was seen

    @classmethod
    def of(cls, show: Linearized, seen: Tensor, blur: Tensor | None = None) -> Shown:
        """From what was seen ``(*batch, m)``, NaN where missing.

        Args:
            blur: covariance of what is uncertain about it, ``(*batch, m, m)``.
        """
        missing = seen.isnan()
        noise = show.noise
        if blur is not None:
            noise = torch.linalg.cholesky(noise @ noise.mT + blur)
        if not bool(missing.any()):
            return cls(seen - show.value, show.slope, noise, None)
        there = (~missing).to(show.value)
        away = torch.where(missing, 0.0, torch.where(missing, 0.0, seen) - show.value)
        cov = there.unsqueeze(-1) * (noise @ noise.mT) * there.unsqueeze(-2)
        noise = torch.linalg.cholesky(cov + torch.diag_embed(1 - there))
        return cls(away, there.unsqueeze(-1) * show.slope, noise, missing)

    @property
    def count(self) -> Tensor:
        """Number of coordinates that were seen, ``(*batch)``."""
        if self.missing is None:
            return self.away.new_full((), self.away.shape[-1])
        return (~self.missing).sum(-1).to(self.away)


@dataclass(frozen=True)
class Conditioned:
    """A Gaussian after an observation, and how well it explains it."""

    mean: Tensor  # (*batch, n)
    cov: Tensor  # (*batch, n, n)
    free_energy: Tensor  # (*batch): minus the log-density of what was seen, in nats
    accuracy: Tensor  # (*batch, m): expected log-density of each coordinate given those before it


def conditioned(mean: Tensor, cov: Tensor, shown: Shown) -> Conditioned:
    r"""Kalman's update in Joseph's form.

    .. math::
        S = C P C^T + R, \quad K = P C^T S^{-1}, \quad m' = m + K (o - \hat o), \quad
        P' = (I - K C) P (I - K C)^T + K R K^T

    Reference: Bucy and Joseph (1968), "Filtering for stochastic processes with applications to
    guidance"; Joseph's form keeps P' positive.
    """
    cross = cov @ shown.slope.mT
    spread = torch.linalg.cholesky(symmetric(shown.slope @ cross) + shown.noise @ shown.noise.mT)
    gain = torch.cholesky_solve(cross.mT, spread).mT
    after = mean + apply(gain, shown.away)
    kept = torch.eye(mean.shape[-1], dtype=mean.dtype, device=mean.device) - gain @ shown.slope
    rest = gain @ shown.noise
    narrowed = symmetric(kept @ cov @ kept.mT + rest @ rest.mT)
    white = solved(spread, shown.away)
    free_energy = 0.5 * (white.square().sum(-1) + shown.count * LOG_2PI) + log_det(spread)
    return Conditioned(after, narrowed, free_energy, _accuracy(after - mean, narrowed, shown))


def _accuracy(step: Tensor, cov: Tensor, shown: Shown) -> Tensor:
    """Expected log-densities of the coordinates under the updated belief."""
    misfit = solved(shown.noise, shown.away - apply(shown.slope, step))
    slope = torch.linalg.solve_triangular(shown.noise, shown.slope, upper=False)
    doubt = ((slope @ cov) * slope).sum(-1)
    width = shown.noise.diagonal(dim1=-2, dim2=-1).abs().log()
    each = -0.5 * (misfit.square() + doubt + LOG_2PI) - width
    return each if shown.missing is None else torch.where(shown.missing, 0.0, each)


def solved(triangle: Tensor, vector: Tensor) -> Tensor:
    """Solve a lower triangle ``(*batch, n, n)`` for vectors ``(*batch, n)``."""
    size = vector.shape[-1]
    if triangle.shape[:-2].numel() == 1 and 1 < triangle.dim() <= vector.dim() + 1:  # one for all
        one, flat = triangle.reshape(size, size), vector.reshape(-1, size).mT
        return torch.linalg.solve_triangular(one, flat, upper=False).mT.reshape(vector.shape)
    return torch.linalg.solve_triangular(triangle, vector.unsqueeze(-1), upper=False).squeeze(-1)


def contracted(cov: Tensor, show: Linearized) -> Tensor:
    """Covariance once the predicted outcome will have been seen, ``(*batch, n, n)``."""
    zero = torch.zeros_like(show.value)
    shown = Shown(zero, show.slope, show.noise, None)
    cross = cov @ shown.slope.mT
    spread = torch.linalg.cholesky(symmetric(shown.slope @ cross) + shown.noise @ shown.noise.mT)
    white = torch.linalg.solve_triangular(spread, cross.mT, upper=False)
    return symmetric(cov - white.mT @ white)
