"""Products of marginals over the joint values of a few factors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def product(probs: Sequence[Tensor]) -> Tensor:
    """Probabilities of independent factors' joint values, ``(*batch, joint)``; the last fastest.

    Example:
        >>> product([torch.tensor([0.5, 0.5]), torch.tensor([0.2, 0.8])]).tolist()
        [0.1, 0.4, 0.1, 0.4]
    """
    total = probs[0]
    for other in probs[1:]:
        total = (total.unsqueeze(-1) * other.unsqueeze(-2)).flatten(-2)
    return total


def log_product(log_probs: Sequence[Tensor]) -> Tensor:
    """The same in log-probabilities.

    Example:
        >>> log_product([torch.tensor([0.0, -1.0]), torch.tensor([-3.0, -2.0])]).tolist()
        [-3.0, -2.0, -4.0, -3.0]
    """
    total = log_probs[0]
    for other in log_probs[1:]:
        total = (total.unsqueeze(-1) + other.unsqueeze(-2)).flatten(-2)
    return total


def picked(rows: Tensor, index: Tensor) -> Tensor:
    """A row of ``(*batch, rows, size)`` for each entry of ``index``, ``(*batch)``.

    Example:
        >>> picked(torch.arange(6).reshape(3, 2), torch.tensor([2, 0])).tolist()
        [[4, 5], [0, 1]]
    """
    batch = torch.broadcast_shapes(index.shape, rows.shape[:-2])
    wanted = index.expand(batch)[..., None, None].expand(*batch, 1, rows.shape[-1])
    return rows.expand(*batch, *rows.shape[-2:]).gather(-2, wanted).squeeze(-2)
