"""What a tree search knows: the belief graph, the visits of it, and the walks that add to both."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..compile import control_sizes
from ..filters import ExactFilter
from .bounds import Array, Bounds, Integers, Limits, Place
from .graph import BeliefGraph
from .posterior import boltzmann, log_habit
from .tree import all_policies

AT_ONCE = 64  # beliefs that are expanded together: a compromise of time and memory


class Searching(Limits, Protocol):
    """How a planner searches, besides what it counts and how far it looks."""

    simulations: int
    exploration: float
    seconds: float
    threshold: float
    max_beliefs: int


@dataclass(frozen=True)
class _Node:
    """A belief with its outcomes: edges sorted by action."""

    terms: Array  # (actions, numbers): of the next step
    children: list[int]  # (edges)
    probs: Array  # (edges,)
    edges: dict[int, slice]  # those of each action that leads anywhere


@dataclass
class _Visits:
    """What is known of a belief with so many steps to go, once one has looked beyond it."""

    row: int  # of its bounds
    ahead: Integers  # (edges,): rows of its children; empty with one step to go
    counts: Array  # (actions,)
    values: Array = field(default_factory=lambda: np.zeros(0))  # (2, actions, numbers)
    scores: Array = field(default_factory=lambda: np.zeros(0))  # (2, actions): G
    walks: int = 0  # that started here


class Search:
    """The belief graph and the visits of one filter and version of its model."""

    def __init__(self, planner: Searching, filter: ExactFilter) -> None:
        self.planner, self.filter, self.version = planner, filter, filter.version
        controls = control_sizes(filter.actions)
        self.policies = all_policies(controls, 1, filter.device)
        self.graph = BeliefGraph(
            filter,
            self.policies.squeeze(1),
            planner.threshold,
            1e-9,
            planner.max_beliefs,
            keep=False,
        )
        log_prior = log_habit(self.policies, filter.habit())
        self.log_prior = log_prior
        uniform = torch.zeros(len(self.policies), dtype=filter.dtype, device=filter.device)
        self.prior = torch.softmax(uniform if log_prior is None else log_prior, 0).numpy(force=True)
        self.stationary = filter.stationary
        self.shape = (4, 1 + len(filter.observation_sites))
        self._columns, self._signs = score_weights(planner.terms, self.shape[1])
        self._random = np.random.default_rng()
        self._nodes: dict[tuple[int, int], _Node] = {}
        self._visits: dict[Place, _Visits] = {}
        self._bounds = Bounds(filter, planner, self.shape, self.prior > 0)

    def values(self, roots: Tensor, step: int) -> Tensor:
        """Terms of every action from some nodes, ``(n, actions, 4, 1 + sites)``."""
        self._random = np.random.default_rng(int(torch.randint(2**31, ())))
        places = {root: self._place(root, step, self.planner.horizon) for root in roots.tolist()}
        self._explore(list(places.values()), step)
        found = [torch.from_numpy(self._visits[places[r]].values[1]) for r in roots.tolist()]
        return torch.stack(found).to(roots.device, self.filter.dtype).unflatten(-1, self.shape)

    def _explore(self, places: list[Place], step: int) -> None:
        """Walk from all places in turn, until each has had its walks or the time is up."""
        end = time.monotonic() + self.planner.seconds
        while places := [place for place in places if self._is_open(place)]:
            for first in range(0, len(places), AT_ONCE):
                self._simulate(places[first : first + AT_ONCE], step)
            if time.monotonic() > end:
                break

    def _is_open(self, place: Place) -> bool:
        """Whether there is more to be found out about a place that is planned from."""
        visits = self._visits.get(place)
        if visits is None:
            return True
        return visits.walks < self.planner.simulations and bool(self._worth_a_walk(visits).any())

    def _worth_a_walk(self, visits: _Visits) -> NDArray[np.bool_]:
        """Actions of which one does not know the value yet, ``(actions,)``."""
        return ~self._bounds.same(*visits.scores)

    def _simulate(self, places: Sequence[Place], step: int) -> None:
        """Walk down from each place to a belief that is new, then back the values up."""
        paths = [self._walk(place) for place in places]
        self._look_beyond([(path[-1], step + len(path) - 1) for path in paths])
        for path in paths:
            for place in reversed(path):
                self._back_up(self._visits[place], self._nodes[place[:2]])
            self._visits[path[0]].walks += 1

    def _walk(self, place: Place) -> list[Place]:
        path = [place]
        while (visits := self._visits.get(place)) and place[2] > 1:
            if len(path) > 1 and self._bounds.met(visits.row):
                break  # further down, the best action is all that counts
            scores = visits.scores[0]
            wanted = (
                scores if len(path) > 1 else np.where(self._worth_a_walk(visits), scores, np.inf)
            )
            after = self._next(place, visits, wanted)
            if after is None:
                break
            place = after
            path.append(place)
        return path

    def _next(self, place: Place, visits: _Visits, scores: Array) -> Place | None:
        """Choose an action and draw an outcome: the place that follows, unless all are cut."""
        counts, spread = visits.counts, float(np.ptp(visits.scores[0]))
        scale = spread if 0 < spread < math.inf else 1.0
        bonus = self.prior * math.sqrt(1.0 + counts.sum()) / (1.0 + counts)
        action = int(np.argmin(scores - self.planner.exploration * scale * bonus))
        counts[action] += 1
        known = self._nodes[place[:2]]
        edges = known.edges.get(action)
        if edges is None:
            return None
        weights = self._bounds.weighted(known.probs[edges], visits.ahead[edges]).cumsum()
        drawn = int(np.searchsorted(weights, self._random.random() * weights[-1], side="right"))
        child = known.children[edges.start + min(drawn, len(weights) - 1)]
        return self._place(child, place[1] + 1, place[2] - 1)

    def _back_up(self, visits: _Visits, known: _Node) -> None:
        """One step of the recursion at a belief, with what is known of its children now."""
        values = np.stack([known.terms, known.terms])
        if len(visits.ahead):
            ahead = self._bounds.means[:, visits.ahead] * known.probs[:, None]
            starts = [edges.start for edges in known.edges.values()]
            summed = np.add.reduceat(ahead, starts, axis=1)
            values[:, list(known.edges)] += self.planner.discount * summed
        visits.values, visits.scores = values, values[..., self._columns] @ self._signs
        for bound, scores in enumerate(visits.scores):
            self._bounds.means[bound, visits.row] = self._mean(values[bound], scores)
        self._bounds.note(visits.row, visits.scores)

    def _mean(self, values: Array, scores: Array) -> Array:
        """Expectation of the terms under q(u | b)."""
        if math.isinf(self.planner.precision) and self.log_prior is None:
            best: Array = values[int(np.argmin(scores))]
            return best
        prior = None if self.log_prior is None else self.log_prior.double().cpu()
        probs = boltzmann(torch.from_numpy(scores), self.planner.precision, prior).numpy()
        mean: Array = np.where(probs[:, None] > 0, probs[:, None] * values, 0.0).sum(0)
        return mean

    def _look_beyond(self, places: Iterable[tuple[Place, int]]) -> None:
        """Expand the beliefs at some places, those of one time step together."""
        fresh: dict[int, set[int]] = {}
        new = [(place, step) for place, step in places if place not in self._visits]
        for place, step in new:
            if place[:2] not in self._nodes:
                fresh.setdefault(step, set()).add(place[0])
        for step, nodes in fresh.items():
            self._expand(sorted(nodes), step)
        for place, step in new:
            self._visits[place] = self._first_visit(place, step)

    def _first_visit(self, place: Place, step: int) -> _Visits:
        node, time_step, k = place
        row = self._bounds.rows([place], self.graph.packed, step)
        children = self._nodes[node, time_step].children if k > 1 else []
        after = [self._place(child, time_step + 1, k - 1) for child in children]
        ahead = self._bounds.rows(after, self.graph.packed, step + 1)
        return _Visits(int(row[0]), ahead, np.zeros(len(self.policies)))

    def _expand(self, nodes: list[int], step: int) -> None:
        at = torch.tensor(nodes, device=self.graph.packed.device)
        belief = self.filter.unpack(self.graph.packed[at], step)
        terms = self.filter.look_ahead(belief).values.flatten(2).double().numpy(force=True)
        edges = self.graph.expand(at, step)
        origins, actions = np.divmod(edges.origins.numpy(force=True), len(self.policies))
        children, probs = edges.children.numpy(force=True), edges.probs.double().numpy(force=True)
        for node, each in zip(nodes, terms, strict=True):
            own = origins == node
            self._nodes[self._place(node, step, 0)[:2]] = _Node(
                each, children[own].tolist(), probs[own], _slices(actions[own])
            )

    def _place(self, node: int, step: int, k: int) -> Place:
        return node, 0 if self.stationary else step, k


def _slices(actions: Integers) -> dict[int, slice]:
    """Where each value starts and ends, of sorted ones."""
    found, starts = np.unique(actions, return_index=True)
    ends = np.append(starts[1:], len(actions))[: len(starts)]
    pairs = zip(starts.tolist(), ends.tolist(), strict=True)
    return dict(zip(found.tolist(), itertools.starmap(slice, pairs), strict=True))


def score_weights(terms: frozenset[str], groups: int) -> tuple[list[int], Array]:
    """Which numbers of the flattened terms make up G, and their signs.

    Example:
        >>> score_weights(frozenset({"pragmatic", "epistemic"}), 1)
        ([0, 1, 2], array([-1., -1.,  1.]))
    """
    parts = {"pragmatic": [(0, -1.0)], "epistemic": [(1, -1.0), (2, 1.0)], "novelty": [(3, -1.0)]}
    chosen = [part for name, pieces in parts.items() if name in terms for part in pieces]
    return [row * groups for row, _ in chosen], np.array([sign for _, sign in chosen])
