"""Points that have the mean and the covariance of a Gaussian."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def cubature(mean: Tensor, root: Tensor) -> Tensor:
    r"""Points of equal weight with a given mean and covariance, ``(2 n, *batch, n)``.

    .. math:: x_{\pm i} = \mu \pm \sqrt n \, L e_i, \qquad L L^T = \Sigma

    Means of polynomials up to degree 3 are exact.

    Args:
        mean: ``(*batch, n)``.
        root: L, ``(*batch, n, n)``.

    Reference: Arasaratnam and Haykin (2009), "Cubature Kalman filters", eq. 31.

    Example:
        >>> points = cubature(torch.ones(2), 2 * torch.eye(2))
        >>> points.mean(0).round(decimals=6).tolist(), points.var(0, correction=0).tolist()
        ([1.0, 1.0], [4.0, 4.0])
    """
    away = math.sqrt(mean.shape[-1]) * root.movedim(-1, 0)
    return torch.cat([mean + away, mean - away])
