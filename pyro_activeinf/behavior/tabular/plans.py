"""Plans from many beliefs at once: log q(u) of the next action."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ... import ops
from ...planning import OpenLoop
from ...planning.posterior import log_habit
from ...planning.tree import PolicyTree, all_policies, first_action, node_places, policy_tree
from .arrays import Arrays

Number = Tensor | float  # (*batch), or the same for all


@dataclass(frozen=True)
class Weights:
    """What a plan weighs policies with."""

    precision: Number
    discount: Number
    log_habit: Mapping[str, Tensor]  # site of the habit: (*batch, values)


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
    first: Tensor  # (policies,): first action, controls flattened
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
        first = first_action(policies, controls)
        return cls(planner.terms, policies, tree, places, first, moves, math.prod(controls))

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
        if self.depth == 1 and len(self.policies) == self.actions and self._in_order:
            return log_probs
        each = [self._of_action(log_probs, u) for u in range(self.actions)]
        return torch.stack(each, -1)

    @property
    def _in_order(self) -> bool:
        return torch.equal(self.first, torch.arange(self.actions))

    def _of_action(self, log_probs: Tensor, action: int) -> Tensor:
        index = (self.first == action).nonzero().squeeze(-1)
        if not len(index):
            return torch.full_like(log_probs[..., 0], -math.inf)
        return ops.logsumexp(log_probs[..., index], -1)


def look_ahead(
    arrays: Arrays, probs: Tensor, step: Tensor, terms: frozenset[str]
) -> tuple[Tensor, Tensor]:
    r"""The next step under every action, and its expected free energy in nats.

    .. math:: G = -E_q[\log \tilde p(o)] - H[q(o)] + E_{q(s)} H[p(o|s)] - novelty

    Args:
        arrays: of the persons, ``(*batch)``.
        probs: beliefs, ``(*batch, rows * n, states)``, where each row has a time step.
        step: of the outcomes, ``(*batch, rows)``.
        terms: which of pragmatic, epistemic and novelty count.

    Returns:
        The beliefs ``(*batch, rows * n, actions, states)`` and G ``(*batch, rows * n, actions)``;
        infinite where an outcome with a preference of -inf is possible.
    """
    actions = arrays.log_transition.shape[-3]
    move = arrays.log_transition.exp().movedim(-3, -2).flatten(-2)
    then = (probs @ move).unflatten(-1, (actions, -1))
    energy = outcome_energy(arrays, then.flatten(-3, -2), step, terms)
    energy = energy.unflatten(-1, (-1, actions))
    if "novelty" in terms:
        energy = energy - probs @ arrays.gained.mT
    return then, energy


def outcome_energy(arrays: Arrays, probs: Tensor, step: Tensor, terms: frozenset[str]) -> Tensor:
    """G of predicted states ``(*batch, rows * n, states)`` but for novelty of the move."""
    pragmatic = "pragmatic" in terms
    linear = torch.zeros_like(arrays.ambiguity)
    if "epistemic" in terms:
        linear = linear + arrays.ambiguity
    if "novelty" in terms:
        linear = linear - arrays.novelty
    parts = [arrays.likelihood, linear.unsqueeze(-1)]
    if pragmatic:
        parts += [arrays.preference.mT, arrays.forbidden.mT]
    found = probs @ torch.cat(parts, -1)
    count, steps = arrays.likelihood.shape[-1], arrays.preference.shape[-2]
    energy = found[..., count]
    if "epistemic" in terms:
        energy = energy - ops.entropy(found[..., :count])
    if not pragmatic:
        return energy
    worth, mass = found[..., count + 1 :].split(steps, -1)
    return torch.where(_at(mass, step) > 0, math.inf, energy - _at(worth, step))


def _at(values: Tensor, step: Tensor) -> Tensor:
    """Those of a time step ``(*batch, rows)``, from ``(*batch, rows * n, steps)``."""
    if values.shape[-1] == 1:
        return values.squeeze(-1)
    each = step.repeat_interleave(values.shape[-2] // step.shape[-1], -1)
    return values.gather(-1, each.unsqueeze(-1)).squeeze(-1)


def boltzmann(energy: Tensor, precision: Number, log_prior: Tensor | None) -> Tensor:
    """log q up to a constant, from G and a log-prior ``(*batch, rows, policies)``."""
    if log_prior is not None:
        energy = torch.where(log_prior > -math.inf, energy, math.inf)
    if not isinstance(precision, Tensor) and math.isinf(precision):
        return ops.log(ops.softmax(_some(-energy), precision)).masked_fill(
            energy.isinf(), -math.inf
        )
    possible = energy < math.inf
    log_probs = -_wide(precision) * torch.where(possible, energy, 0.0)
    if log_prior is not None:
        log_probs = log_probs + torch.where(possible, log_prior, 0.0)
    return torch.where(possible, log_probs, -math.inf)


def sharpened(log_probs: Tensor, precision: Number) -> Tensor:
    r"""Normalized log-probabilities :math:`\propto q(u)^\alpha`; -inf where none is possible."""
    return log_normalized(boltzmann(-log_probs, precision, None))


def log_normalized(log_probs: Tensor) -> Tensor:
    """Logarithms of probabilities that sum to 1, or to 0 where all are."""
    return torch.where(_none(log_probs), -math.inf, _some(log_probs).log_softmax(-1))


def _none(log_probs: Tensor) -> Tensor:
    return (log_probs == -math.inf).all(-1, keepdim=True)


def _some(log_probs: Tensor) -> Tensor:
    """The same where something is possible, zeros elsewhere: no derivative is NaN."""
    return torch.where(_none(log_probs), 0.0, log_probs)


def _wide(number: Number) -> Number:
    """A number of persons ``(*batch)`` against ``(*batch, rows, policies)``."""
    return number[..., None, None] if isinstance(number, Tensor) else number
