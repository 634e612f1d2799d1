"""What a discrete agent perceives and plans with: arrays with dims of persons on the left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ... import ops
from ...compile import Site, Table, Tables
from ...filters.joint import dynamics, linked_sites, log_likelihood, outcome_sites
from ...filters.novelty_rules import MutualInformation, TableNovelty
from ...filters.novelty_tables import outcome_novelty, transition_novelty
from ...filters.outcomes import expected_preference


class Arrays(NamedTuple):
    """A compiled program over joint states."""

    log_initial: Tensor  # (*batch, states)
    log_transition: Tensor  # (*batch, actions, states, next states)
    log_evidence: tuple[Tensor, ...]  # each group of sites: (*batch, joint values, states)
    likelihood: Tensor  # (*batch, states, outcomes): those whose entropy counts
    branches: Tensor  # (*batch, states, joint outcomes): those that a plan may branch on
    ambiguity: Tensor  # (*batch, states)
    preference: Tensor  # (*batch, steps, states): expected log-preference, without those of -inf
    forbidden: Tensor  # (*batch, steps, states): mass of outcomes at a preference of -inf
    novelty: Tensor  # (*batch, states)
    gained: Tensor  # (*batch, actions, states): novelty of a move


@dataclass(frozen=True)
class Reading:
    """How joint arrays are read off tables."""

    joint_outcomes: bool = True
    rule: TableNovelty | None = None
    branching: bool = False  # whether a plan branches on what is seen

    def __call__(self, tables: Tables, preferences: Sequence[Sequence[Table]]) -> Arrays:
        """The arrays of one person; ``preferences`` are those of each time step."""
        moves = dynamics(tables)
        rule = MutualInformation() if self.rule is None else self.rule
        likelihood = _shown(tables, self.joint_outcomes)
        worth = [_preference(tables, each, likelihood[:, 0]) for each in preferences]
        new = outcome_novelty(tables, rule)
        gained = transition_novelty(tables, moves.transition, rule)
        none = torch.zeros_like(likelihood[:, 0])
        return Arrays(
            moves.log_initial,
            moves.log_transition,
            evidence_tables(tables),
            likelihood,
            _shown(tables, True) if self.branching and not self.joint_outcomes else likelihood,
            ops.entropy(likelihood),
            torch.stack([value for value, _ in worth]),
            torch.stack([mass for _, mass in worth]),
            none if new is None else new[:, 0],
            none.expand(moves.transition.shape[:2]) if gained is None else gained,
        )


def groups(tables: Tables) -> tuple[tuple[Site, ...], ...]:
    """Observation sites that depend on each other, together."""
    return tuple(tuple(outcome_sites(tables, names)) for names in linked_sites(tables))


def _shown(tables: Tables, joint: bool) -> Tensor:
    """p(o|s) of the joint outcomes, or of those of each site, ``(states, outcomes)``."""
    names = [site.name for site in tables.outcomes]
    blocks = [names] if joint else [[name] for name in names]
    return torch.cat([log_likelihood(tables, block).exp().flatten(1) for block in blocks], -1)


def _preference(tables: Tables, each: Sequence[Table], like: Tensor) -> tuple[Tensor, Tensor]:
    """Expected log-preference of a step in each state, and the mass of what is forbidden."""
    found = [expected_preference(tables, table) for table in each]
    zero = torch.zeros_like(like)
    return sum((v for v, _ in found), zero), sum((m for _, m in found), zero)


def evidence_tables(tables: Tables) -> tuple[Tensor, ...]:
    """log p(o|s) of each group of sites, ``(joint values, states)``; missing ones come last."""
    return tuple(_evidence(tables, names) for names in linked_sites(tables))


def _evidence(tables: Tables, names: tuple[str, ...]) -> Tensor:
    """log p(o|s) of a group, ``(joint values, states)``: of each site, missing comes last."""
    table = log_likelihood(tables, names)
    for dim in range(1, table.dim()):
        missing = ops.logsumexp(table, dim).unsqueeze(dim)
        if len(names) == 1:
            missing = torch.zeros_like(missing)
        table = torch.cat([table, missing], dim)
    return table.flatten(1).transpose(0, 1)
