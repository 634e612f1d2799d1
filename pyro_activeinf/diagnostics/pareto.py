"""How far a guide is from the posterior, by the tail of its importance weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from pyro import poutine
from pyro.infer.importance import vectorized_importance_weights
from torch import Tensor

Program = Callable[..., Any]


def log_weights(
    model: Program,
    guide: Program,
    args: Any,
    kwargs: Any,
    num_draws: int,
    max_plate_nesting: int | None,
) -> Tensor:
    r"""Draws of log p(x, z) - log q(z), ``(num_draws,)``, in one run where plates are counted."""
    with torch.no_grad():
        if max_plate_nesting is None:
            return torch.stack([_log_weight(model, guide, args, kwargs) for _ in range(num_draws)])
        found, _, _ = vectorized_importance_weights(
            model,
            guide,
            *args,
            num_samples=num_draws,
            max_plate_nesting=max_plate_nesting,
            **kwargs,
        )
    return found


def _log_weight(model: Program, guide: Program, args: Any, kwargs: Any) -> Tensor:
    drawn = poutine.trace(guide).get_trace(*args, **kwargs)
    replayed = poutine.trace(poutine.replay(model, trace=drawn)).get_trace(*args, **kwargs)
    return torch.as_tensor(replayed.log_prob_sum() - drawn.log_prob_sum())


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
