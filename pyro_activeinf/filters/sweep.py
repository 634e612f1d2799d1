"""Scoring trees of actions from a belief: all prefixes in one product, or depth by depth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from .. import ops
from ..records import DeferredTerms, ExpectedFreeEnergyTerms, PrefixTerms
from .linear import LinearMap
from .outcomes import Look, ScoredOutcomes, mapped

UNROLLED_NUMBERS = 2**18  # in the one map of a whole tree: beyond, depth by depth is the faster way
CACHED_NUMBERS = 2**17  # scored at a time at the last depth, so that they stay in the cache


class Prefixes(Protocol):
    """Sequences of actions as a tree: depth d holds those of length d + 1, in order."""

    @property
    def parents(self) -> tuple[Tensor, ...]:
        """Per depth: index into the depth above, ``(nodes,)``."""

    @property
    def actions(self) -> tuple[Tensor, ...]:
        """Per depth: the last action, ``(nodes,)`` or ``(nodes, controls)``."""

    @property
    def complete(self) -> tuple[bool, ...]:
        """Per depth: whether every node above branches into every action."""


@dataclass(frozen=True)
class Unrolled:
    """The outcomes of every prefix of a tree as one map of the present states."""

    look: Look
    brief: LinearMap | None  # G alone: to (outcomes + 1) * futures; where nothing is forbidden

    @staticmethod
    def fits(scored: ScoredOutcomes, prefixes: Prefixes) -> bool:
        """Whether the map is small enough to be worth it."""
        nodes = sum(map(len, prefixes.actions))
        states, columns = scored.model.likelihood.shape
        return states * nodes * (columns + scored.worth.shape[-1]) <= UNROLLED_NUMBERS

    @classmethod
    def of(
        cls,
        scored: ScoredOutcomes,
        transition: Tensor,
        gained: Tensor | None,
        prefixes: Prefixes,
        index: Sequence[Tensor],
    ) -> Unrolled:
        """Multiply out; ``index`` holds the actions of each depth as positions ``(nodes,)``.

        ``gained`` is the novelty of moving, ``(actions, states)``, where transitions are learned.
        """
        moves = [transition[index[0]]]
        news = [] if gained is None else [gained[index[0]]]
        for parents, actions in zip(prefixes.parents[1:], index[1:], strict=True):
            before = moves[-1][parents]
            moves.append(before @ transition[actions])
            if gained is not None:
                news.append((before @ gained[actions].unsqueeze(-1)).squeeze(-1))
        ahead = torch.cat(moves).transpose(0, 1)
        new = torch.cat(news).T if news else None
        brief = None
        if scored.forbidden is None:
            brief = mapped(scored.brief, ahead, -1, None if new is None else -new)
        return cls(Look.of(scored, ahead, new), brief)

    def __call__(self, probs: Tensor) -> PrefixTerms:
        """Terms of every prefix, ``(*batch, prefixes)``: G at once, the rest on demand."""
        sites, make = self.look.model.sites, partial(self.look.from_beliefs, probs)
        if self.brief is None:
            return ExpectedFreeEnergyTerms(make(), sites)
        columns = probs if probs.dim() == 1 else probs.reshape(-1, probs.shape[-1]).T
        found, futures = self.brief(columns), self.look.futures
        found = found.reshape(len(found) // futures, -1)
        total = found[-1] - ops.entropy(found[:-1], 0)
        if probs.dim() > 1:
            total = total.reshape(futures, -1).T.reshape(*probs.shape[:-1], futures)
        return DeferredTerms(total, sites, make)


def sweep(probs: Tensor, looks: Sequence[Look], move: LinearMap) -> Tensor:
    """Terms of every sequence of actions up to a length, ``(*batch, sequences, 4, 1 + sites)``.

    Beliefs are kept as columns, the last action slowest, so that moving them all is one product.

    Args:
        probs: beliefs ``(*batch, states)``.
        looks: for each depth, how the next step is scored under every action.
        move: from states to ``(next states * actions)``.
    """
    batch = math.prod(probs.shape[:-1])
    actions = looks[0].futures
    columns = probs.reshape(batch, -1).T
    found = []
    for depth, look in enumerate(looks):
        if depth:
            columns = move(columns).reshape(len(columns), -1)
        values = torch.cat([look(part) for part in columns.split(_width(look), -1)], -1)
        found.append(_in_order(values, actions, depth + 1, batch))
    together = torch.cat(found, 1)
    return together.reshape(*probs.shape[:-1], *together.shape[1:])


def _width(look: Look) -> int:
    return max(1, CACHED_NUMBERS // (look.futures * look.model.groups.shape[0]))


def _in_order(values: Tensor, actions: int, length: int, batch: int) -> Tensor:
    """``(4, groups, last, .., first action * batch)`` to ``(batch, sequences, 4, groups)``."""
    each = values.reshape(*values.shape[:2], *[actions] * length, batch)
    order = [each.dim() - 1, *range(length + 1, 1, -1), 0, 1]
    return each.permute(order).reshape(batch, -1, *values.shape[:2])
