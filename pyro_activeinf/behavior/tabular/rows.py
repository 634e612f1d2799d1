"""Rows of tables that every person has: looked up with the persons' batch dims."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def picked(table: Tensor, index: Tensor, event: int) -> Tensor:
    """A row for each entry of an index.

    Args:
        table: ``(*batch, rows, *event)``.
        index: ``(*lead, *batch)``, or what broadcasts to it.
        event: number of event dims.

    Returns:
        ``(*lead, *batch, *event)``.

    Example:
        >>> picked(torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1, 0], [0, 0]]), 0).tolist()
        [[2, 3], [1, 3]]
    """
    batch = table.shape[: table.dim() - event - 1]
    rows, inner = table.shape[len(batch)], table.shape[len(batch) + 1 :]
    lead = index.shape[: max(0, index.dim() - len(batch))]
    first = torch.arange(math.prod(batch), device=index.device).reshape(batch) * rows
    flat = (index.expand(*lead, *batch) + first).reshape(-1)
    found = table.reshape(-1, *inner).index_select(0, flat)
    return found.reshape(*lead, *batch, *inner)


def gathered(values: Tensor, lead: int) -> Tensor:
    """Dims on the left brought behind those of the batch: one more, in front of the event.

    ``(*lead, *batch, event)`` to ``(*batch, prod(lead), event)``.
    """
    batch = values.dim() - lead - 1
    count = math.prod(values.shape[:lead])
    flat = values.reshape(count, *values.shape[lead:])
    return flat.movedim(0, batch).contiguous()


def spread_out(values: Tensor, lead: tuple[int, ...]) -> Tensor:
    """The inverse of :func:`gathered`."""
    flat = values.movedim(-2, 0)
    return flat.reshape(*lead, *flat.shape[1:])
