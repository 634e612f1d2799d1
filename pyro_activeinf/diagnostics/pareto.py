"""Importance weights of a guide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
