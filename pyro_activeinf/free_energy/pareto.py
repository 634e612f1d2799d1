"""How far a guide is from the posterior, by the tail of its importance weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

LEAST = 30  # weights; the tail of fewer is none to ArviZ 1.x


def pareto_k(log_weights: Tensor) -> float:
    """The shape k-hat of the weights' upper tail, with ArviZ 0.x or 1.x.

    Where the largest weights are alike, as under the posterior itself, there is no tail: -inf.
    Where one is infinite or NaN, or all are zero, or there are fewer than 30: inf.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> tail = -0.9 * torch.rand(20_000).log()  # of a Pareto distribution of shape 0.9
        >>> 0.8 < pareto_k(tail) < 1.0
        True
    """
    return smoothed(log_weights)[1]


def smoothed(log_weights: Tensor, efficiency: float = 1.0) -> tuple[Tensor, float]:
    """Pareto smoothed log-weights ``(draws,)``, normalized, and the shape k-hat of their tail.

    Weights without a tail stay as they are.

    Args:
        log_weights: ``(draws,)``, in nats.
        efficiency: effective draws over draws.

    Reference: Vehtari, Simpson, Gelman, Yao and Gabry (2024), "Pareto smoothed importance
    sampling", JMLR.
    """
    values = log_weights.double().numpy(force=True)
    if not np.isfinite(values.max()):
        return log_weights.log_softmax(0), math.inf
    if _is_flat(np.sort(values), torch.finfo(log_weights.dtype).eps):
        return log_weights.log_softmax(0), -math.inf
    if len(values) < LEAST:
        return log_weights.log_softmax(0), math.inf
    found, shape = _psis(values, efficiency)
    if math.isnan(shape):  # of ArviZ 1.x, where the tail is of equal weights far from the others
        return log_weights.log_softmax(0), math.inf
    weights = torch.as_tensor(np.array(found), dtype=log_weights.dtype)
    return weights.log_softmax(0), float(shape)


def _psis(values: np.ndarray, efficiency: float) -> tuple[np.ndarray, float]:
    """As ArviZ does it, 0.x or 1.x."""
    import arviz

    if arviz.__version__.startswith("0."):
        given: Any = arviz
        found: tuple[np.ndarray, float] = given.psislw(values, efficiency)
        return found
    from arviz_stats.base import array_stats

    # takes log-likelihoods, whose sign is the other
    return array_stats.psislw(-values, r_eff=efficiency)


def _tail(count: int) -> int:
    """Number of the largest weights that k-hat is fitted to: Vehtari et al. (2024), section 5."""
    return math.ceil(min(count / 5, 3 * math.sqrt(count)))


def _is_flat(ascending: np.ndarray, resolution: float) -> bool:
    """Whether all of the tail that k-hat is fitted to is one number, up to rounding.

    Log-weights are small differences of sums that are large, and have lost some of their digits:
    half of them are left at least.
    """
    count = len(ascending)
    least, largest = ascending[max(0, count - _tail(count) - 1)], ascending[-1]
    return bool(largest - least <= math.sqrt(resolution) * max(1.0, abs(largest)))
