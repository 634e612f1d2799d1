"""KL divergence from chances, which may be zero."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def surprise(p: Tensor, q: Tensor) -> Tensor:
    r"""Each term :math:`p \log (p / q)`: 0 where p is, infinite where only q is 0.

    Example:
        >>> surprise(torch.tensor([0.0, 0.5, 0.5]), torch.tensor([0.0, 0.5, 0.0])).tolist()
        [0.0, 0.0, inf]
    """
    p, q = torch.broadcast_tensors(p, q)
    some, missed = p > 0, (p > 0) & (q <= 0)
    fine = some & ~missed
    a, b = torch.where(fine, p, 1.0), torch.where(fine, q, 1.0)
    return torch.where(missed, math.inf, torch.where(fine, a * (a.log() - b.log()), 0.0))
