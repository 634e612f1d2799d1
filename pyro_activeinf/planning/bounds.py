"""Bounds of the values of beliefs, before and after they were looked beyond."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..filters import ExactFilter
from ..records import TERMS
from .known_state import CERTAIN, blind_values, known_state_values, stays_known

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Place = tuple[int, int, int]  # node, time step (0 where it makes no difference), steps to go

SAME = 1e-6  # two values are the same that differ by so little, relative to one nat or more


class Limits(Protocol):
    """What a planner counts, and how far it looks."""

    horizon: int
    discount: float
    precision: float
    terms: frozenset[str]


class Bounds:
    """An optimistic and a pessimistic value of each place: ``means[0]`` and ``means[1]``.

    They are true bounds where reward alone counts, and the best action is always taken.

    Args:
        filter: holds the joint state.
        limits: of the planner.
        shape: of the terms of one step.
        allowed: the actions that a habit allows, ``(actions,)``.
    """

    def __init__(
        self,
        filter: ExactFilter,
        limits: Limits,
        shape: tuple[int, int],
        allowed: NDArray[np.bool_],
    ) -> None:
        self.filter, self.limits, self.shape, self.allowed = filter, limits, shape, allowed
        self.true = limits.terms <= {TERMS[0]} and math.isinf(limits.precision)
        self.means = np.zeros((2, 0, math.prod(shape)))  # (2, room, numbers): terms under q(u)
        self.gaps = np.zeros(0)  # (room,)
        self._rows: dict[Place, int] = {}
        self._tables: dict[int, tuple[Tensor, Tensor]] = {}
        self._stays_known = self.true and stays_known(filter)

    def met(self, row: int) -> bool:
        """Whether both bounds are one: nothing more can be found out."""
        return bool(self.true and self.gaps[row] <= 0)

    def same(self, high: Array, low: Array) -> NDArray[np.bool_]:
        """Whether G by either bound is known to be one and the same, elementwise."""
        return _gap(-high, -low) <= 0 if self.true else np.zeros(len(high), dtype=np.bool_)

    def weighted(self, probs: Array, rows: Integers) -> Array:
        """Weights of the outcomes of an action: probabilities, times gaps where these are true."""
        weights: Array = probs * self.gaps[rows] if self.true else probs
        return weights if weights.sum() > 0 else probs

    def note(self, row: int, scores: Array) -> None:
        """Keep the gap between the best G by either bound, ``(2, actions)``."""
        best = scores.min(-1)
        self.gaps[row] = _gap(-best[0], -best[1])

    def rows(self, places: Sequence[Place], packed: Tensor, step: int) -> Integers:
        """Rows of places that have the same number of steps to go, new ones where needed."""
        fresh = [place for place in dict.fromkeys(places) if place not in self._rows]
        if fresh:
            first = len(self._rows)
            self._rows.update({place: first + i for i, place in enumerate(fresh)})
            self._make_room(len(self._rows))
            nodes = torch.tensor([node for node, *_ in fresh], device=packed.device)
            self._fill(first, packed[nodes], fresh[0][2], step)
        return np.array([self._rows[place] for place in places], dtype=np.int64)

    def _make_room(self, needed: int) -> None:
        room = len(self.gaps)
        if needed > room:
            more = max(needed, 2 * room) - room
            self.means = np.pad(self.means, ((0, 0), (0, more), (0, 0)))
            self.gaps = np.pad(self.gaps, (0, more))

    def _fill(self, first: int, packed: Tensor, k: int, step: int) -> None:
        """Bounds of beliefs that were not looked beyond: an entry of pragmatic value."""
        if TERMS[0] not in self.limits.terms:
            return
        known, blind = self._values(step + k)
        high = packed @ known[k]
        low = (packed @ blind[k].T).max(-1).values
        if self._stays_known:
            low = torch.where(packed.max(-1).values > 1 - CERTAIN, high, low)
        for bound, values in enumerate((high, low)):
            self.means[bound, first : first + len(packed), 0] = values.numpy(force=True)
        found = self.means[:, first : first + len(packed), 0]
        self.gaps[first : first + len(packed)] = _gap(found[0], found[1])

    def _values(self, end: int) -> tuple[Tensor, Tensor]:
        """Of a known state, and of those who do not look, with 0, 1, .. steps to go."""
        key = 0 if self.filter.stationary else end
        if key not in self._tables:
            limits = (end, self.limits.horizon, self.limits.discount)
            blind = blind_values(self.filter, *limits)
            allowed = torch.from_numpy(self.allowed).to(blind.device)
            self._tables[key] = known_state_values(self.filter, *limits), blind[:, allowed]
        return self._tables[key]


def _gap(high: Array, low: Array) -> Array:
    """How far two values are apart; 0 where they are the same but for rounding."""
    with np.errstate(invalid="ignore"):
        gap = np.nan_to_num(high - low, nan=0.0, posinf=1e30)
    return np.where(gap <= SAME * np.maximum(1.0, np.abs(high)), 0.0, gap)
