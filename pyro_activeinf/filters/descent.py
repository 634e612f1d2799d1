"""Descent of free energy from several starts, each until it has converged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .coordinates import Coupling, Iterate


@dataclass(frozen=True)
class Descent:
    """Marginals after sweeps, and how they came there."""

    log_probs: tuple[Tensor, ...]  # of each factor: (rows, starts, size)
    trace: Tensor  # (rows, starts, 1 + sweeps): F at the start and after each sweep, in nats
    sweeps: Tensor  # (rows, starts): how many it took

    def lower(self, tolerance: float) -> Descent:
        """That of two starts which ended lower; the first where they differ by no more."""
        first, second = self.trace[..., -1].unbind(-1)
        taken = second < first - tolerance

        def pick(tensor: Tensor) -> Tensor:
            one, other = tensor.unbind(1)
            return torch.where(taken.reshape(-1, *[1] * (one.dim() - 1)), other, one)

        log_probs, sweeps = tuple(pick(q) for q in self.log_probs), pick(self.sweeps)
        length = 1 + max(sweeps.tolist(), default=0)
        return Descent(log_probs, pick(self.trace)[:, :length], sweeps)


def descend(
    coupling: Coupling, starts: Sequence[Tensor], max_sweeps: int, tolerance: float
) -> Descent:
    """Sweep until no row improves by more than a tolerance.

    Each start of each row stays as it is once it has converged, and so comes out as it would
    alone. When half of the rows have, the others go on without them.

    Args:
        coupling: of all the rows.
        starts: of each factor ``(rows, starts, size)``.
        max_sweeps: number of sweeps at most.
        tolerance: fall of the free energy that does not count, in nats.
    """
    first = coupling.start(starts)
    return _descend(
        coupling, first, torch.ones_like(first.contradiction) > 0, max_sweeps, tolerance
    )


def _descend(
    coupling: Coupling, current: Iterate, active: Tensor, max_sweeps: int, tolerance: float
) -> Descent:
    trace, sweeps = [current.free_energy], torch.zeros_like(active, dtype=torch.long)
    for done in range(1, max_sweeps + 1):
        after = coupling.sweep(current).where(active, current)
        sweeps = sweeps + active
        active = active & after.betters(current, tolerance)
        current = after
        trace.append(current.free_energy)
        rows = active.any(-1).nonzero().squeeze(-1)
        if 2 * len(rows) <= len(active):
            found = Descent(current.log_probs, torch.stack(trace, -1), sweeps)
            if not len(rows) or done == max_sweeps:
                return found
            rest = current.take(rows)
            later = _descend(coupling.take(rows), rest, active[rows], max_sweeps - done, tolerance)
            return _joined(found, rows, later)
    return Descent(current.log_probs, torch.stack(trace, -1), sweeps)


def _joined(found: Descent, rows: Tensor, later: Descent) -> Descent:
    """A descent that went on for some of its rows."""
    pairs = zip(found.log_probs, later.log_probs, strict=True)
    log_probs = tuple(before.index_copy(0, rows, after) for before, after in pairs)
    more = later.trace[..., 1:]
    still = found.trace[..., -1:].expand(-1, -1, more.shape[-1])
    trace = torch.cat([found.trace, still.index_copy(0, rows, more)], -1)
    return Descent(log_probs, trace, found.sweeps.index_add(0, rows, later.sweeps))
