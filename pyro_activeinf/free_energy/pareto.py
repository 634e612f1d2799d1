"""How far a guide is from the posterior, by the tail of its importance weights."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


def pareto_k(log_weights: Tensor) -> float:
    """The shape k-hat of the weights' upper tail, with ArviZ 0.x or 1.x.

    Where the largest weights are alike, as under the posterior itself, there is no tail: -inf.
    Where one is infinite or NaN, or all are zero: inf.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> tail = -0.9 * torch.rand(20_000).log()  # of a Pareto distribution of shape 0.9
        >>> 0.8 < pareto_k(tail) < 1.0
        True
    """
    import arviz

    values = log_weights.double().numpy(force=True)
    if not np.isfinite(values.max()):
        return math.inf
    if _is_flat(np.sort(values), torch.finfo(log_weights.dtype).eps):
        return -math.inf
    if arviz.__version__.startswith("0."):
        return float(arviz.psislw(values)[1])  # type: ignore[no-untyped-call]
    from arviz_stats.base import array_stats

    return float(array_stats.psislw(-values)[1])  # takes log-likelihoods, whose sign is the other


def _is_flat(ascending: np.ndarray, resolution: float) -> bool:
    """Whether all of the tail that k-hat is fitted to is one number, up to rounding."""
    count = len(ascending)
    tail = math.ceil(min(count / 5, 3 * math.sqrt(count)))  # Vehtari et al. (2024), section 5
    least, largest = ascending[max(0, count - tail - 1)], ascending[-1]
    return bool(largest - least <= 100 * resolution * max(1.0, abs(largest)))
