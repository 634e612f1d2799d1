"""Marginals in hindsight: the backward pass over filtered products of marginals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from .. import ops
from ..compile import Site
from .factorized_belief import FactorizedBelief
from .factors import FactorMotion, propagate
from .products import log_product


@dataclass(frozen=True)
class FactorizedSmoothing:
    """Marginals of the state sites over an episode, and those of each one with its parents."""

    sites: tuple[Site, ...]
    log_probs: Tensor  # (*batch, time, values of all the sites, one site after the other)
    first: tuple[Tensor, ...]  # of each motion at time 0: probabilities (*batch, parents, size)
    pairs: tuple[Tensor, ...]  # of each motion: (*batch, time - 1, parents, size)
    free_energy: Tensor  # (*batch): of filtering, a bound of -log p(o_{0..T}), in nats

    @cached_property
    def probs(self) -> tuple[Tensor, ...]:
        """q(s_t) of each site, ``(*batch, time, values)``."""
        return self.log_probs.exp().split([site.size for site in self.sites], -1)


@dataclass(frozen=True)
class Move:
    """One step that is looked back on: tables at the actions that were taken."""

    motion: FactorMotion
    log_probs: Tensor  # (*batch, parents, size), or without the batch

    @classmethod
    def of(cls, motion: FactorMotion, action: Sequence[Tensor]) -> Move:
        """The table of a motion at actions ``(*batch)``."""
        return cls(motion, motion.log_probs.movedim(1, 0)[motion.choice(action)])

    def pair(self, parents: Sequence[Tensor], ratio: Tensor) -> Tensor:
        r"""log of :math:`\prod_h q_h(s_h) p(s'|pa, u) r(s')`, normalized: ``(*batch, *pa, size)``.

        Args:
            parents: log-probabilities of each parent, ``(*batch, size)``.
            ratio: log of what was learned of the factor after the move, ``(*batch, size)``.
        """
        sizes = [q.shape[-1] for q in parents]
        joint = log_product(parents) if parents else self.log_probs.new_zeros(1)
        found = joint.unsqueeze(-1) + self.log_probs + ratio.unsqueeze(-2)
        found = found - ops.logsumexp(found.flatten(-2), -1)[..., None, None]
        return found.reshape(*found.shape[:-2], *sizes, found.shape[-1])


def look_back(
    moves: Sequence[Move],
    before: Sequence[Tensor],
    predicted: Sequence[Tensor],
    after: Sequence[Tensor],
) -> tuple[list[Tensor], list[Tensor]]:
    r"""Marginals of the step before in hindsight, and those of each factor with its parents.

    .. math::
        r_f = \frac{q(s'_f)}{p(s'_f)}, \quad
        m_{f \to h}(s_h) = \frac{\sum q(pa, s'_f)}{q_h(s_h)}, \quad
        q(s_h) \leftarrow q_h(s_h) \prod_f m_{f \to h}(s_h), \qquad
        q(pa, s'_f) \propto p(s'_f|pa, u)\, r_f \prod_{h \in pa} q_h \prod_{g \ne f} m_{g \to h}

    Exact where every factor has at most itself as a parent. Parents at the same step are taken as
    they are in hindsight.

    Args:
        moves: one for each factor.
        before: log-probabilities of each factor at the step before, ``(*batch, size)``.
        predicted, after: those at the step after, as predicted and in hindsight.

    Returns:
        Log-probabilities of each factor before, and probabilities ``(*batch, parents, size)``.
    """
    ratios = [_ratio(one, two) for one, two in zip(after, predicted, strict=True)]
    alone = [move.pair(_parents(move, before, after), ratios[move.motion.factor]) for move in moves]
    said = [_messages(move, pair, before) for move, pair in zip(moves, alone, strict=True)]
    smoothed = list(before)
    for messages in said:
        for h, message in messages.items():
            smoothed[h] = _normalized(smoothed[h] + message)
    pairs = []
    for move, messages in zip(moves, said, strict=True):
        others = [smoothed[h] - messages[h].nan_to_num(0.0, 0.0, 0.0) for h in move.motion.before]
        parents = [*others, *(after[f] for f in move.motion.beside)]
        pair = move.pair(parents, ratios[move.motion.factor]).exp()
        size = pair.shape[-1]
        count = len(parents)
        pairs.append(pair.reshape(*pair.shape[: pair.dim() - count - 1], -1, size))
    return smoothed, pairs


def _parents(move: Move, before: Sequence[Tensor], after: Sequence[Tensor]) -> list[Tensor]:
    return [*(before[f] for f in move.motion.before), *(after[f] for f in move.motion.beside)]


def _messages(move: Move, pair: Tensor, before: Sequence[Tensor]) -> dict[int, Tensor]:
    """What a move says of each parent at the step before, in logs."""
    count = len(move.motion.before) + len(move.motion.beside)
    first = pair.dim() - count - 1
    found = {}
    for i, h in enumerate(move.motion.before):
        kept = pair.movedim(first + i, first).flatten(first + 1)
        found[h] = _ratio(ops.logsumexp(kept, -1), before[h])
    return found


def _ratio(one: Tensor, two: Tensor) -> Tensor:
    """A quotient in logs; of what is impossible, zero."""
    possible = (one > -torch.inf) & (two > -torch.inf)
    return torch.where(possible, one - torch.where(possible, two, 0.0), -torch.inf)


def _normalized(log_values: Tensor) -> Tensor:
    return log_values - ops.logsumexp(log_values, -1).unsqueeze(-1)


def smoothed(
    beliefs: Sequence[FactorizedBelief],
    moves: Sequence[Sequence[Move]],
    start: Sequence[FactorMotion],
) -> FactorizedSmoothing:
    """Look back on filtered beliefs, step by step.

    Args:
        beliefs: filtered, one for each time.
        moves: of each step between them.
        start: the tables of ``initial``.
    """
    now = list(beliefs[-1].factors)
    times: list[list[Tensor]] = [now]
    pairs: list[list[Tensor]] = []
    for t in range(len(moves) - 1, -1, -1):
        before = beliefs[t].factors
        motions = [move.motion for move in moves[t]]
        predicted = _predicted(motions, moves[t], before)
        now, pair = look_back(moves[t], before, predicted, now)
        times.insert(0, now)
        pairs.insert(0, pair)
    begun = propagate(start, [], [])
    _, first = look_back([Move.of(motion, []) for motion in start], [], begun, now)
    batch = torch.broadcast_shapes(*(q.shape[:-1] for q in (*now, *times[-1])))
    log_probs = torch.stack([torch.cat([q.expand(*batch, -1) for q in at], -1) for at in times], -2)
    stacked = tuple(
        torch.stack([p[i].expand(*batch, *p[i].shape[-2:]) for p in pairs], -3)
        if pairs
        else log_probs.new_zeros(*batch, 0, 1, 1)
        for i in range(len(first))
    )
    begin = tuple(p.expand(*batch, *p.shape[-2:]) for p in first)
    energy = torch.stack([b.free_energy.expand(batch) for b in beliefs]).sum(0)
    return FactorizedSmoothing(beliefs[0].sites, log_probs, begin, stacked, energy)


def _predicted(
    motions: Sequence[FactorMotion], moves: Sequence[Move], before: Sequence[Tensor]
) -> list[Tensor]:
    """Marginals after a move."""
    found: dict[int, Tensor] = {}
    for motion, move in zip(motions, moves, strict=True):
        parents = [*(before[f] for f in motion.before), *(found[f] for f in motion.beside)]
        joint = log_product(parents) if parents else move.log_probs.new_zeros(1)
        found[motion.factor] = ops.logsumexp(joint.unsqueeze(-1) + move.log_probs, -2)
    return [found[f] for f in range(len(motions))]
