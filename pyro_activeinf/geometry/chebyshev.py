"""Polynomials on the unit interval by their values at Chebyshev's nodes."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor


@cache
def nodes(degree: int) -> Tensor:
    """The degree + 1 nodes, from 0 to 1."""
    return torch.sin(math.pi / 2 * torch.arange(degree + 1, dtype=torch.float64) / degree).square()


@cache
def differentiation(degree: int) -> Tensor:
    """Derivatives at the nodes from values there. Reference: Trefethen (2000), chapter 6."""
    angle = math.pi * torch.arange(degree + 1, dtype=torch.float64) / degree
    half_sum = (angle[:, None] + angle) / 2
    half_gap = (angle - angle[:, None]) / 2
    gap = half_sum.sin() * half_gap.sin()  # of the nodes, t_j - t_i, without cancellation
    sign = (-1.0) ** torch.arange(degree + 1)
    ends = sign * torch.where((angle == 0) | (angle == angle[-1]), 2.0, 1.0)
    ratio = ends[:, None] / ends
    matrix = ratio / torch.where(gap == 0, 1.0, -gap)
    matrix.fill_diagonal_(0.0)
    return matrix - torch.diag(matrix.sum(-1))


@cache
def to_coefficients(degree: int) -> Tensor:
    """Coefficients of Chebyshev's polynomials from values at the nodes."""
    k = torch.arange(degree + 1, dtype=torch.float64)
    weights = torch.ones(degree + 1, dtype=torch.float64)
    weights[[0, -1]] = 0.5
    signs = torch.cos(math.pi * torch.outer(k, k) / degree)
    return 2 / degree * weights[:, None] * signs * weights


def interpolation(t: Tensor, degree: int) -> Tensor:
    """Values at times from values at the nodes: ``(times, degree + 1)``; differentiable."""
    x = 1 - 2 * t.double()
    rows = [torch.ones_like(x), x]
    for _ in range(degree - 1):
        rows.append(2 * x * rows[-1] - rows[-2])
    return torch.stack(rows[: degree + 1], -1) @ to_coefficients(degree)


@cache
def refinement(degree: int, finer: int) -> Tensor:
    """Values at more nodes from those at fewer."""
    return interpolation(nodes(finer), degree)


def unresolved(values: Tensor) -> Tensor:
    """How much of values ``(*batch, nodes, d)`` is in their last coefficients: ``(*batch)``."""
    degree = values.shape[-2] - 1
    coefficients = (to_coefficients(degree) @ values).abs()
    size = (values - values[..., :1, :]).abs().amax((-2, -1)) + 1e-3
    return coefficients[..., -max(2, degree // 8) :, :].amax((-2, -1)) / size
