"""Chains of Gaussian vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import pyro.distributions as dist
import torch
from torch import Tensor

from .chains import Chain, gradient
from .family import DTYPE
from .gaussian import FLAT, LOG_2PI, MultivariateGaussian
from .halving import Parts, product, products


class GaussianChainMoments(NamedTuple):
    """Of a chain of vectors."""

    mean: Tensor  # (*batch, time, d): E[x_t]
    outer: Tensor  # (*batch, time, d, d): E[x_t x_t']
    cross: Tensor  # (*batch, time - 1, d, d): E[x_t x_{t+1}']


@dataclass(frozen=True)
class GaussianChain(Chain):
    """Vectors over time, of ``dim`` numbers each, jointly Gaussian."""

    steps: int
    dim: int
    moments_type = GaussianChainMoments

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """Vectors, their squares, and products of neighbors."""
        t, d = self.steps, self.dim
        return (t, d), (t, d, d), (t - 1, d, d)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """A vector at each step."""
        return self.steps, self.dim

    def statistics(self, value: Tensor) -> Tensor:
        """x_t, x_t x_t', x_t x_{t+1}'."""
        outer = value.unsqueeze(-1) * value.unsqueeze(-2)
        cross = value[..., :-1, :, None] * value[..., 1:, None, :]
        return self.join(value, outer, cross)

    def log_base(self, value: Tensor) -> Tensor:
        """Zero."""
        return value.new_zeros(value.shape[:-2])

    def log_partition(self, natural: Tensor) -> Tensor:
        """Logarithm of the integral over all sequences."""
        items, first_precision, first_shift = self._segments(natural)
        if self.steps == 1:
            return _log_integral(first_precision, first_shift)
        whole = product(_meet, items)
        left, across, right, p, r, c = (part[0] for part in whole)
        joint = torch.cat(
            [torch.cat([left + first_precision, -across], -1), torch.cat([-across.mT, right], -1)],
            -2,
        )
        return c + _log_integral(joint, torch.cat([p + first_shift, r], -1))

    def mean(self, natural: Tensor) -> Tensor:
        """Smoothed moments."""
        return gradient(self, natural)

    def natural(self, mean: Tensor) -> Tensor:
        """From moments of pairs of neighbors, less those of the steps that two pairs share."""
        loc, outer, cross = self.split(mean)
        one, two = MultivariateGaussian(self.dim), MultivariateGaussian(2 * self.dim)
        alone = one.split(one.natural(one.join(loc, outer)))
        first = torch.cat([outer[..., :-1, :, :], cross], -1)
        second = torch.cat([cross.mT, outer[..., 1:, :, :]], -1)
        both = torch.cat([loc[..., :-1, :], loc[..., 1:, :]], -1)
        shift, square = two.split(two.natural(two.join(both, torch.cat([first, second], -2))))
        d = self.dim
        vector = _overlap(shift[..., :d], shift[..., d:], alone[0], -2)
        matrix = _overlap(square[..., :d, :d], square[..., d:, d:], alone[1], -3)
        return self.join(vector, matrix, 2 * square[..., :d, d:])

    def valid(self, natural: Tensor) -> Tensor:
        """Whether the precision of the whole is positive definite."""
        try:
            return self.log_partition(natural).isfinite()
        except RuntimeError:  # of Cholesky's method
            return torch.zeros(natural.shape[:-1], dtype=torch.bool, device=natural.device)

    def neutral(self) -> Tensor:
        """Independent, about zero, and wide."""
        t, d = self.steps, self.dim
        wide = -FLAT / 2 * torch.eye(d, dtype=DTYPE).expand(t, d, d)
        nothing = torch.zeros(t, d, dtype=DTYPE), torch.zeros(t - 1, d, d, dtype=DTYPE)
        return self.join(nothing[0], wide, nothing[1])

    def distribution(self, natural: Tensor) -> Any:
        """The marginals, MultivariateNormal of batch shape ``(*batch, time)``."""
        loc, outer, _ = self.split(self.mean(natural))
        covariance = outer - loc.unsqueeze(-1) * loc.unsqueeze(-2)
        return dist.MultivariateNormal(loc, (covariance + covariance.mT) / 2)

    @property
    def step(self) -> MultivariateGaussian:
        """A vector."""
        return MultivariateGaussian(self.dim)

    def forward(self, natural: Tensor) -> Tensor:
        """Integrals over all sequences up to each step, as natural coordinates of the step."""
        items, first_precision, first_shift = self._segments(natural)
        left, across, right, p, r, _ = products(_meet, items)
        pivot = torch.linalg.cholesky(left + first_precision)
        gone = torch.cholesky_solve(torch.cat([across, (p + first_shift).unsqueeze(-1)], -1), pivot)
        precision = right - across.mT @ gone[..., :-1]
        shift = r + (across.mT @ gone[..., -1:]).squeeze(-1)
        precision = torch.cat([first_precision.unsqueeze(0), precision]).movedim(0, -3)
        shift = torch.cat([first_shift.unsqueeze(0), shift]).movedim(0, -2)
        return self.step.join(shift, -precision / 2)

    def backward_in_time(self, natural: Tensor) -> Tensor:
        """Coordinates of steps and pairs, in the opposite order."""
        shift, square, cross = self.split(natural)
        return self.join(shift.flip(-2), square.flip(-3), cross.flip(-3).mT)

    def singles(self, natural: Tensor) -> Tensor:
        """Coordinates of steps."""
        shift, square, _ = self.split(natural)
        return self.step.join(shift, square)

    def _segments(self, natural: Tensor) -> tuple[Parts, Tensor, Tensor]:
        """A segment for each pair, which holds the potential of its second step: time first.

        Precision of the left end, across, of the right end; shifts of both ends; a constant.
        """
        shift, square, cross = self.split(natural)
        precision = -(square + square.mT)
        right, r = precision[..., 1:, :, :].movedim(-3, 0), shift[..., 1:, :].movedim(-2, 0)
        across = cross.movedim(-3, 0)
        nothing = torch.zeros_like(right), torch.zeros_like(r)
        items = (nothing[0], across, right, nothing[1], r, torch.zeros_like(r[..., 0]))
        return items, precision[..., 0, :, :], shift[..., 0, :]


def _meet(one: Parts, two: Parts) -> Parts:
    """Two segments become one: the step that they share is integrated out."""
    left, across, right, p, r, c = one
    left2, across2, right2, p2, r2, c2 = two
    pivot = torch.linalg.cholesky(right + left2)
    shift = r + p2
    d = shift.shape[-1]
    ends = torch.cat([across.mT, across2, shift.unsqueeze(-1)], -1)
    white = torch.linalg.solve_triangular(pivot, ends, upper=False)
    to_left, to_right, inner = white[..., :d], white[..., d : 2 * d], white[..., 2 * d :]
    constant = inner.square().sum((-2, -1)) / 2 - _half_log_det(pivot) + d / 2 * LOG_2PI
    return (
        left - to_left.mT @ to_left,
        to_left.mT @ to_right,
        right2 - to_right.mT @ to_right,
        p + (to_left.mT @ inner).squeeze(-1),
        r2 + (to_right.mT @ inner).squeeze(-1),
        c + c2 + constant,
    )


def _half_log_det(pivot: Tensor) -> Tensor:
    return pivot.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _log_integral(precision: Tensor, shift: Tensor) -> Tensor:
    pivot = torch.linalg.cholesky(precision)
    white = torch.linalg.solve_triangular(pivot, shift.unsqueeze(-1), upper=False)
    half = shift.shape[-1] / 2 * LOG_2PI
    return white.square().sum((-2, -1)) / 2 - _half_log_det(pivot) + half


def _overlap(first: Tensor, second: Tensor, alone: Tensor, dim: int) -> Tensor:
    """First halves of pairs and second ones, less what inner steps have twice."""
    steps = alone.shape[dim]
    if steps == 1:
        return alone
    inner = alone.narrow(dim, 1, steps - 2)
    middle = first.narrow(dim, 1, steps - 2) + second.narrow(dim, 0, steps - 2) - inner
    ends = first.narrow(dim, 0, 1), second.narrow(dim, steps - 2, 1)
    return torch.cat([ends[0], middle, ends[1]], dim)
