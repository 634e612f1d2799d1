"""Draws from an approximation, and how far it is from the target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...free_energy.pareto import pareto_k
from .base import Found
from .target import Target

POINTS = 250  # at a time

Draw = Callable[[int], tuple[Tensor, Tensor]]


def weighed(target: Target, draw: Draw, draws: int, run: Any = None) -> Found:
    r"""Draws from an approximation, with k-hat of their importance weights.

    .. math:: w_n = \pi(z_n) / q(z_n)

    Args:
        target: what is approximated.
        draw: from n to points ``(n, dim)`` and log q of each cell, ``(n, cells)``; or of all
            together, ``(n, 1)``.
        draws: their number.
        run: a record of how the approximation was found.

    Reference: Yao et al. (2018), "Yes, but did it work?: evaluating variational inference", ICML.
    """
    with torch.no_grad():
        parts = [_part(target, draw, n) for n in chunks(draws)]
    z, log_weights = (torch.cat(part) for part in zip(*parts, strict=True))
    shapes = torch.tensor([pareto_k(weights) for weights in log_weights.T])
    return Found(z.unsqueeze(0), log_weights=log_weights, pareto_k=shapes, run=run)


def _part(target: Target, draw: Draw, draws: int) -> tuple[Tensor, Tensor]:
    z, log_density = draw(draws)
    log_probs = target.log_probs(z)
    if log_density.shape != log_probs.shape:
        log_probs = log_probs.sum(-1, keepdim=True)
    return z, log_probs - log_density


def chunks(total: int, size: int = POINTS) -> list[int]:
    """Sizes that add up.

    Example:
        >>> chunks(600)
        [250, 250, 100]
    """
    whole, rest = divmod(total, size)
    return [size] * whole + [rest] * bool(rest)
