"""Plans from many beliefs at once: log q(u) of the next action."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from ... import ops
from ...planning import OpenLoop
from ...planning.posterior import log_habit
from ...planning.tree import PolicyTree, all_policies, first_action, node_places, policy_tree
from .arrays import Arrays
from .scores import look_ahead
from .weights import Weights, boltzmann


class Plan(ABC):
    """A planner over joint states, for beliefs of persons and trials at once."""

    terms: frozenset[str]

    @property
    @abstractmethod
    def depth(self) -> int:
        """Number of steps that it looks ahead."""

    @abstractmethod
    def log_action_probs(
        self, arrays: Arrays, weights: Weights, probs: Tensor, step: Tensor
    ) -> Tensor:
        """log q(u), ``(*batch, rows, actions)``; -inf throughout where no policy is possible.

        Args:
            arrays: of the persons, ``(*batch)``.
            weights: of the persons, ``(*batch)``.
            probs: beliefs, ``(*batch, rows, states)``.
            step: their time steps, ``(*batch, rows)``.
        """


@dataclass(frozen=True)
class Policies(Plan):
    """Whole policies, see :class:`~pyro_activeinf.planning.OpenLoop`."""

    terms: frozenset[str]
    policies: Tensor  # (policies, time[, controls])
    tree: PolicyTree
    places: Tensor  # (policies, time): among the nodes of the tree
    groups: tuple[Tensor, ...] | None  # policies by first action; None: they are the actions
    moves: tuple[Tensor, ...]  # per depth: (nodes,), controls flattened
    actions: int

    @classmethod
    def of(cls, planner: OpenLoop, controls: tuple[int, ...]) -> Policies:
        """The policies that a planner scores."""
        policies = planner.policies
        if policies is None:
            policies = all_policies(controls, planner.horizon, torch.device("cpu"))
        distinct, inverse = torch.unique(policies, dim=0, return_inverse=True)
        tree = policy_tree(distinct, controls)
        moves = tuple(first_action(each.unsqueeze(1), controls) for each in tree.actions)
        places = node_places([tree])[inverse]
        actions = math.prod(controls)
        groups = _groups(first_action(policies, controls), actions)
        return cls(planner.terms, policies, tree, places, groups, moves, actions)

    @property
    def depth(self) -> int:
        """Number of steps that it looks ahead."""
        return self.policies.shape[1]

    def log_action_probs(
        self, arrays: Arrays, weights: Weights, probs: Tensor, step: Tensor
    ) -> Tensor:
        """See :class:`Plan`."""
        energy = self._energies(arrays, probs, step)[..., self.places].sum(-1)
        log_prior = log_habit(self.policies, weights.log_habit)
        if log_prior is not None:
            log_prior = log_prior.unsqueeze(-2)
        return self._by_first(boltzmann(energy, weights.precision, log_prior))

    def _energies(self, arrays: Arrays, probs: Tensor, step: Tensor) -> Tensor:
        """G of every node of the tree, ``(*batch, rows, nodes)``."""
        found, now, rows = [], probs, probs.shape[-2]
        for depth in range(self.depth):
            then, energy = look_ahead(arrays, now, step + depth + 1, self.terms)
            energy = energy.unflatten(-2, (rows, -1)).flatten(-2)
            then = then.unflatten(-3, (rows, -1)).flatten(-3, -2)
            if not self.tree.complete[depth]:
                kept = self.tree.parents[depth] * self.actions + self.moves[depth]
                energy, then = energy[..., kept], then[..., kept, :]
            found.append(energy)
            now = then.flatten(-3, -2)
        return torch.cat(found, -1) if len(found) > 1 else found[0]

    def _by_first(self, log_probs: Tensor) -> Tensor:
        """Unnormalized log q(u) from that of policies ``(*batch, rows, policies)``."""
        if self.groups is None:
            return log_probs
        none = torch.full_like(log_probs[..., 0], -math.inf)
        each = [
            ops.logsumexp(log_probs[..., index], -1) if len(index) else none
            for index in self.groups
        ]
        return torch.stack(each, -1)


def _groups(first: Tensor, actions: int) -> tuple[Tensor, ...] | None:
    """Policies by their first action; ``None`` where these are the actions themselves."""
    every = torch.arange(actions)
    if torch.equal(first, every):
        return None
    return tuple((first == action).nonzero().squeeze(-1) for action in every)
