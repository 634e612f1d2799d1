"""The graph of beliefs that actions and outcomes lead to, equal ones merged."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .._checks import complain
from ..filters import BranchingFilter


@dataclass(frozen=True)
class Edges:
    """What actions and outcomes lead to, from every expanded belief."""

    origins: Tensor  # (edges,): node * actions + action
    children: Tensor  # (edges,): node
    probs: Tensor  # (edges,): probability of the outcome


class BeliefGraph:
    """Beliefs as nodes; each is expanded once, however many paths and agents lead to it.

    Two beliefs are one node where all their numbers agree when rounded to ``tolerance``.

    Args:
        filter: moves the beliefs and enumerates outcomes.
        actions: every action, ``(actions[, controls])``.
        threshold: outcomes of at most this probability are left out.
        tolerance: how finely beliefs are told apart.
        max_beliefs: more of them are refused.
        keep: keep edges and predictions, for values over the whole graph.
    """

    def __init__(
        self,
        filter: BranchingFilter,
        actions: Tensor,
        threshold: float,
        tolerance: float,
        max_beliefs: int,
        keep: bool = True,
    ) -> None:
        self.filter, self.actions, self.keep = filter, actions, keep
        self.threshold, self.tolerance, self.max_beliefs = threshold, tolerance, max_beliefs
        self._rows = torch.empty(0)  # (room, numbers)
        self.predicted: list[Tensor] = []  # (nodes of a level, actions, numbers)
        self.expanded: set[int] = set()
        self.order: list[Tensor] = []  # nodes in the order of their expansion
        self.cut = 0.0  # largest probability left out for one belief and action
        self._ids: dict[int, int] = {}
        self._edges: list[Edges] = []

    @property
    def packed(self) -> Tensor:
        """The beliefs, ``(nodes, numbers)``."""
        return self._rows[: self.size]

    @property
    def size(self) -> int:
        """Number of distinct beliefs."""
        return len(self._ids)

    def add(self, packed: Tensor) -> Tensor:
        """Nodes of beliefs ``(n, numbers)``, new ones where there are none yet: ``(n,)``."""
        keys, inverse = torch.unique(self._keys(packed), return_inverse=True)
        first = torch.full((len(keys),), len(packed), device=packed.device)
        first = first.scatter_reduce(
            0, inverse, torch.arange(len(packed), device=packed.device), "amin"
        )
        ids, fresh = [], []
        for key, row in zip(keys.tolist(), first.tolist(), strict=True):
            if key not in self._ids:
                self._ids[key] = len(self._ids)
                fresh.append(row)
            ids.append(self._ids[key])
        self._append(packed[fresh])
        return torch.tensor(ids, dtype=torch.long, device=packed.device)[inverse]

    def _append(self, packed: Tensor) -> None:
        room = len(self._rows)
        if self.size > room:  # doubled each time, so that growth costs no more than its result
            rows = packed.new_empty(max(self.size, 2 * room), packed.shape[-1])
            rows[:room] = self._rows if room else rows[:0]
            self._rows = rows
        self._rows[self.size - len(packed) : self.size] = packed
        if self.size > self.max_beliefs:
            raise ValueError(
                complain(
                    "horizon",
                    f"at most {self.max_beliefs:,} distinct beliefs within it",
                    f"{self.size:,} so far",
                    "Shorten the horizon, raise threshold= or max_beliefs=, or use TreeSearch.",
                )
            )

    def _keys(self, packed: Tensor) -> Tensor:
        """A number for each belief, equal for equal rounded beliefs: a random linear hash."""
        rounded = (packed.detach() / self.tolerance).round().long()
        generator = torch.Generator().manual_seed(20_21)
        weights = torch.randint(-(2**62), 2**62, (packed.shape[-1],), generator=generator)
        return (rounded * weights.to(packed.device)).sum(-1)  # wraps around, on purpose

    def grow(self, roots: Tensor, depth: int, step: int) -> None:
        """Expand every belief that is reached from some nodes within ``depth`` actions."""
        frontier = torch.unique(roots)
        seen: set[int] = set()
        for d in range(depth):
            fresh = [node for node in frontier.tolist() if node not in seen]
            if not fresh:
                return
            seen.update(fresh)
            unexpanded = [node for node in fresh if node not in self.expanded]
            if unexpanded:
                self.expand(torch.tensor(unexpanded, device=roots.device), step + d)
            frontier = self._children(fresh)

    def _children(self, nodes: list[int]) -> Tensor:
        return torch.unique(self.leaving(nodes).children)

    def leaving(self, nodes: list[int] | Tensor) -> Edges:
        """The edges that start at some nodes."""
        edges = self.edges
        wanted = torch.zeros(self.size, dtype=torch.bool, device=edges.origins.device)
        wanted[nodes] = True
        kept = wanted[edges.origins // len(self.actions)]
        return Edges(edges.origins[kept], edges.children[kept], edges.probs[kept])

    def expand(self, nodes: Tensor, step: int) -> Edges:
        """Look beyond some beliefs; returns their edges."""
        belief = self.filter.unpack(self.packed[nodes].unsqueeze(-2), step)
        predicted = self.filter.predict(belief, self.actions)
        rows = self.filter.pack(predicted, predicted=True)
        branches = self.filter.branch(
            predicted.reshape(rows.shape[0] * rows.shape[1]), self.threshold
        )
        children = self.add(branches.packed)
        actions = len(self.actions)
        node, action = nodes[branches.parents // actions], branches.parents % actions
        total = 1.0 - branches.cut[branches.parents]
        edges = Edges(node * actions + action, children, branches.probs / total)
        if self.keep:
            self._edges.append(edges)
            self.predicted.append(rows)
            self.order.append(nodes)
        self.expanded.update(nodes.tolist())
        self.cut = max(self.cut, float(branches.cut.max()))
        return edges

    @property
    def edges(self) -> Edges:
        """The edges of all expanded beliefs."""
        if len(self._edges) > 1:
            self._edges = [
                Edges(
                    *(
                        torch.cat([getattr(e, f) for e in self._edges])
                        for f in ("origins", "children", "probs")
                    )
                )
            ]
        return self._edges[0]


@dataclass(frozen=True)
class Unfolded:
    """A closed-loop plan laid open: its beliefs, and what is done at each of them.

    NaN at nodes that the plan does not reach with so many actions left.
    """

    graph: BeliefGraph
    roots: Tensor  # (beliefs,): nodes where the plan starts
    action_probs: tuple[Tensor, ...]  # q(u|b) after 0, 1, .. actions: (nodes, actions)
    expected_free_energy: tuple[Tensor, ...]  # G(b, u), in nats: (nodes, actions)
