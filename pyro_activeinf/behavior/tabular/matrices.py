"""What joint states do from one choice to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .record import Record
from .rows import picked
from .sites import Sites, joint


class Chain(NamedTuple):
    """A hidden Markov chain over joint states, and what was done and seen."""

    log_initial: Tensor  # (*batch, states)
    log_transition: Tensor  # (*batch, actions, states, next states)
    log_evidence: Tensor  # (time, *batch, states)
    moves: Tensor  # (time, *batch), the action before
    starts: Tensor  # (time, *batch), bool: the past is forgotten; always at the first time step


def chain(
    log_initial: Tensor,
    log_transition: Tensor,
    log_evidence: Sequence[Tensor],
    sites: Sites,
    record: Record,
) -> Chain:
    """What is known of joint states at each choice.

    Args:
        log_initial: ``(*batch, states)``.
        log_transition: ``(*batch, actions, states, next states)``.
        log_evidence: of each group of sites, ``(*batch, joint values, states)``.
        sites: the groups.
        record: what was done and seen.
    """
    shape = (*record.starts.shape[:1], *log_initial.shape)
    seen = [
        picked(table, joint(group, record.seen), 1)
        for group, table in zip(sites.groups, log_evidence, strict=True)
        if any(site.name in record.seen for site in group)
    ]
    told = sum(seen[1:], seen[0]) if seen else torch.zeros_like(log_initial)
    batch = shape[:-1]
    return Chain(
        log_initial,
        log_transition,
        told.expand(shape),
        record.moves.expand(batch),
        record.starts.expand(batch),
    )


def log_matrices(chain: Chain) -> Tensor:
    r"""Logarithms of :math:`p(s_t, o_t | s_{t-1}, u_{t-1})`, ``(time, *batch, states, states)``.

    Where a session begins all rows are :math:`p(s_0, o_0)`.
    """
    found = picked(chain.log_transition, chain.moves, 2)
    begins = chain.starts[..., None, None]
    found = torch.where(begins, chain.log_initial.unsqueeze(-2), found)
    return found + chain.log_evidence.unsqueeze(-2)
