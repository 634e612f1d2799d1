"""One time step of one person: what is believed then, and what is learned from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ... import ops
from ...compile import Counted, Role, Site, Table
from ...filters.joint import dynamics, outcome_sites
from ...learning.counts import (
    Counts,
    Evidence,
    add,
    add_habits,
    add_moves,
    add_outcomes,
    product_of,
    states_of,
)
from .arrays import evidence_tables
from .sites import Sites, joint
from .skeleton import Filled


@dataclass(frozen=True)
class Step:
    """A time step: the belief before it, the action that led to it, and what was seen at it."""

    before: Tensor  # (states,): log q(s_{t-1})
    action: Tensor  # (): controls flattened; -1 where a session begins
    seen: Mapping[str, Tensor]  # site: (), position; -1 where nothing was


@dataclass(frozen=True)
class Believed:
    """What is believed at a time step; all zeros (-inf) where what was seen is impossible."""

    log_probs: Tensor  # (states,): log q(s_t)
    pairs: Tensor  # (states, next states): q(s_{t-1}, s_t); zeros where a session begins


def believe(filled: Filled, sites: Sites, step: Step) -> Believed:
    """Predict with the action, and update with what was seen."""
    moves = dynamics(filled.tables)
    begins = step.action < 0
    matrix = _row(moves.log_transition, step.action.clamp(min=0))
    pairs = torch.where(begins, moves.log_initial, step.before.unsqueeze(-1) + matrix)
    for group, table in zip(sites.groups, evidence_tables(filled.tables), strict=True):
        pairs = pairs + _row(table, joint(group, step.seen))
    together = ops.logsumexp(torch.where(begins, pairs[0], ops.logsumexp(pairs, -2)), -1)
    pairs = pairs - ops.finite(together)
    log_probs = torch.where(begins, pairs[0], ops.logsumexp(pairs, -2))
    return Believed(log_probs, torch.where(begins, 0.0, pairs.exp()))


def _row(table: Tensor, index: Tensor) -> Tensor:
    return table.index_select(0, index.reshape(1)).squeeze(0)


def informed_by(filled: Filled, step: Step) -> Tensor:
    """Whether anything was seen that tells, ``()``."""
    return _evidence(filled.tables.outcomes, step.seen).any.squeeze(0)


def usage(filled: Filled, step: Step, believed: Believed, informed: Tensor) -> dict[str, Tensor]:
    """Expected number of times that each entry of each table was used at a time step.

    As :func:`~pyro_activeinf.learning.counts.count` has it, for one row; ``informed`` says
    whether something was seen since.
    """
    tables = filled.tables
    evidence, begins = _evidence(tables.outcomes, step.seen), step.action < 0
    probs = believed.log_probs.exp() * informed
    found: Counts = {}
    add(found, tables.initial, probs * begins, states_of(tables, Role.STATE))
    taken = torch.arange(math.prod(tables.controls)) == step.action  # none where it begins
    chosen = taken.to(probs) * informed
    add_moves(found, tables, chosen[:, None, None] * believed.pairs)
    add_habits(found, filled.habit, tables.controls, chosen)
    add_outcomes(found, tables, probs.unsqueeze(0), evidence, informed.unsqueeze(0))
    for table in filled.preferences[0]:
        _add_preferred(found, filled, table, evidence, ~begins)
    names: dict[Counted, str] = {owner: name for name, owner in filled.owners.items()}
    return {names[owner]: value for owner, value in found.items()}


def _evidence(outcomes: Sequence[Site], seen: Mapping[str, Tensor]) -> Evidence:
    """What was seen, as a row of weights for each site."""
    weights, there = {}, {}
    for site in outcomes:
        value = seen[site.name].reshape(1, 1)
        weights[site.name] = ((torch.arange(site.size) == value) | (value < 0)).double()
        there[site.name] = (value.squeeze(-1) >= 0) & (site.size > 1)
    return Evidence(weights, there)


def _add_preferred(
    found: Counts, filled: Filled, table: Table, evidence: Evidence, counts: Tensor
) -> None:
    """Count an outcome as a draw from the preferences."""
    names = [variable.name for variable in table.variables]
    whole = torch.stack([evidence.seen[name] for name in names]).all(0).squeeze(0) & counts
    together = product_of([evidence.weights[name] for name in names]).squeeze(0) * whole
    sizes = [site.size for site in outcome_sites(filled.tables, names)]
    add(found, [table], together, list(zip(table.variables, sizes, strict=True)))
