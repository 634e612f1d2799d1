"""Draws from an approximation, and how far it is from the target."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ...free_energy.pareto import pareto_k
from .base import Found
from .target import Target

POINTS = 250  # at a time


def weighed(target: Target, approximation: Any, draws: int, run: Any = None) -> Found:
    r"""Draws from an approximation, with the evidence and k-hat of its importance weights.

    .. math:: \log p(x) \approx \log \frac{1}{N} \sum_n \frac{\pi(z_n)}{q(z_n)}
    """
    with torch.no_grad():
        parts = [_part(target, approximation, n) for n in chunks(draws)]
    z, log_weights = (torch.cat(part) for part in zip(*parts, strict=True))
    evidence = float(log_weights.logsumexp(0)) - math.log(draws)
    return Found(z.unsqueeze(0), {}, evidence, pareto_k(log_weights), run=run)


def _part(target: Target, approximation: Any, draws: int) -> tuple[Tensor, Tensor]:
    z = approximation.sample((draws,))
    return z, target.log_prob(z) - approximation.log_prob(z)


def chunks(total: int, size: int = POINTS) -> list[int]:
    """Sizes that add up.

    Example:
        >>> chunks(600)
        [250, 250, 100]
    """
    whole, rest = divmod(total, size)
    return [size] * whole + [rest] * bool(rest)
