"""What joint states do from one choice to the next, as matrices."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .record import Record
from .rows import picked
from .sites import Sites, joint


def log_matrices(
    log_initial: Tensor,
    log_transition: Tensor,
    log_evidence: Sequence[Tensor],
    sites: Sites,
    record: Record,
) -> Tensor:
    r"""Logarithms of :math:`p(s_t, o_t | s_{t-1}, u_{t-1})`, ``(time, *batch, states, states)``.

    Where a session begins all rows are :math:`p(s_0, o_0)`.

    Args:
        log_initial: ``(*batch, states)``.
        log_transition: ``(*batch, actions, states, next states)``.
        log_evidence: of each group of sites, ``(*batch, joint values, states)``.
        sites: the groups.
        record: what was done and seen.
    """
    found = picked(log_transition, record.moves, 2)
    found = torch.where(record.starts[..., None, None], log_initial.unsqueeze(-2), found)
    for group, table in zip(sites.groups, log_evidence, strict=True):
        if any(site.name in record.seen for site in group):
            found = found + picked(table, joint(group, record.seen), 1).unsqueeze(-2)
    return found
