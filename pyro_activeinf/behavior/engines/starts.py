"""Where engines start."""

from __future__ import annotations

import torch
from torch import Tensor

from .target import Target

DRAWS = 100


def typical(target: Target) -> tuple[Tensor, Tensor]:
    """Medians and half the interquartile ranges of the prior, ``(dim,)`` each, in coordinates."""
    low, middle, high = target.prior(DRAWS).quantile(torch.tensor([0.25, 0.5, 0.75]), dim=0)
    return middle, (high - low) / 2


def scattered(target: Target, start: Tensor | None, count: int) -> Tensor:
    """Points ``(count, dim)`` to start from: of those given, or around the middle of the prior."""
    if start is not None:
        return start[torch.randint(len(start), (count,))].clone()
    middle, width = typical(target)
    return middle + width * (2 * torch.rand(count, target.dim, dtype=middle.dtype) - 1)
