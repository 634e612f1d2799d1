"""How often each row of a table was used, as far as one can tell: exact expected counts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .._checks import complain
from ..compile import Counted, Role, Site, Table, Tables, Variable, compile_preferences
from ..compile.program import depends_on_step, habit_tables
from ..filters import ExactFilter, FactorizedFilter, Smoothing
from ..filters.joint import linked_sites, log_likelihood, outcome_sites
from ..filters.likelihood import weigh
from ..filters.motion import action_index

Counts = dict[Counted, Tensor]  # of each table with counts: shaped as these


@dataclass(frozen=True)
class Evidence:
    """What was seen at some steps, with batch and time as rows."""

    weights: Mapping[str, Tensor]  # site: likelihood of each of its values, (rows, values)
    seen: Mapping[str, Tensor]  # site: whether it was observed, (rows,)

    @classmethod
    def of(
        cls, sites: Iterable[Site], observations: Mapping[str, Any], shape: tuple[int, ...]
    ) -> Evidence:
        """Read observations: site to values ``(*batch, time, *event)``, of ``(*batch, time)``."""
        weights, seen = {}, {}
        for site in sites:
            log_weights, there = _read(site, observations.get(site.name))
            weights[site.name] = log_weights.exp().expand(*shape, -1).reshape(-1, site.size)
            seen[site.name] = there.expand(shape).reshape(-1)
        return cls(weights, seen)

    @property
    def any(self) -> Tensor:
        """Whether anything was observed, ``(rows,)``."""
        return torch.stack(list(self.seen.values())).any(0)


def _read(site: Site, value: Any) -> tuple[Tensor, Tensor]:
    """Log-weights of each value, the largest at 0, and whether they tell any apart."""
    log_weights = log_weights_of(site, value).double()
    top = log_weights.amax(-1, keepdim=True)
    there = (log_weights != log_weights[..., :1]).any(-1)
    return log_weights - torch.where(top.isfinite(), top, 0.0), there


def log_weights_of(site: Site, value: Any) -> Tensor:
    """What was observed as log-likelihoods of each value, ``(*batch, values)``; 0 where missing."""
    return torch.zeros(site.size).to(site.support.device) if value is None else weigh(site, value)


def count(
    filter: ExactFilter,
    smoothing: Smoothing,
    observations: Mapping[str, Any],
    actions: Any,
    first: int = 0,
    start: int = 0,
) -> Counts:
    """Expected counts of the steps from ``first`` on; those before are only where it starts.

    ``start`` is the time index of the first row.
    """
    tables = filter.tables
    shape = smoothing.log_probs.shape[:-1]
    evidence = Evidence.of(tables.outcomes, observations, shape)
    informed = informed_steps(evidence, shape)
    counted = torch.arange(shape[-1], device=informed.device) >= first
    probs = smoothing.probs.double()
    found: Counts = {}
    if first == start == 0:
        starts = (probs[..., 0, :] * informed[..., :1]).reshape(-1, tables.joint_size).sum(0)
        add(found, tables.initial, starts, states_of(tables, Role.STATE))
    _add_moves(found, filter, smoothing, actions, informed[..., 1:] & counted[1:])
    rows = (counted & informed).reshape(-1)
    add_outcomes(found, tables, probs.reshape(len(rows), -1), evidence, rows)
    add_preferred(found, filter, evidence, shape, start, max(first + start, 1))
    return found


def informed_steps(evidence: Evidence, shape: tuple[int, ...]) -> Tensor:
    """Whether anything was observed at a step or later, of shape ``(*batch, time)``."""
    return evidence.any.reshape(shape).flip(-1).cummax(-1).values.flip(-1)


def states_of(tables: Tables, role: Role) -> list[tuple[Variable, int]]:
    """The state sites in a role, with their sizes."""
    return [(Variable(role, site.name), site.size) for site in tables.states]


def add(
    found: Counts, tables: Iterable[Table], joint: Tensor, order: Sequence[tuple[Variable, int]]
) -> None:
    """Add expected frequencies of joint values, the variables in some order, to the counts."""
    for table in tables:
        if table.source is None:
            continue
        variables = [variable for variable, _ in order]
        kept = [variables.index(variable) for variable in table.variables]
        rest = [i for i in range(len(order)) if i not in kept]
        each = joint.reshape([size for _, size in order]).permute(*rest, *kept)
        each = each.reshape(-1, *table.log_probs.shape).sum(0)
        owner, rows = table.source.owner, table.source.rows
        total = each.new_zeros(math.prod(owner.counts.shape[:-1]), each.shape[-1])
        total.index_add_(0, rows.reshape(-1), each.reshape(-1, each.shape[-1]))
        total = total.reshape(owner.counts.shape).to(owner.counts)
        found[owner] = found[owner] + total if owner in found else total


def _add_moves(
    found: Counts, filter: ExactFilter, smoothing: Smoothing, actions: Any, kept: Tensor
) -> None:
    """Count transitions, and the actions taken as draws from the habit."""
    tables, steps = filter.tables, kept.shape[-1]
    if not steps:
        return
    choices = math.prod(tables.controls)
    index = action_positions(tables, actions, tuple(kept.shape), kept.device)
    weight = kept.reshape(-1).double()
    pairs = smoothing.pairwise.double().reshape(len(index), -1) * weight.unsqueeze(-1)
    joint = pairs.new_zeros(choices, pairs.shape[-1]).index_add_(0, index, pairs)
    add_moves(found, tables, joint)
    chosen = weight.new_zeros(choices).index_add_(0, index, weight)
    add_habits(found, habit_tables(filter.model, tables.controls), tables.controls, chosen)


def action_positions(
    tables: Tables, actions: Any, shape: tuple[int, ...], device: torch.device
) -> Tensor:
    """Positions in the flattened action space, ``(rows,)``, at each of ``(*batch, steps)``."""
    index = torch.zeros((), dtype=torch.long, device=device)
    if tables.controls:
        taken = torch.as_tensor(actions, device=device)
        time = -1 if len(tables.controls) == 1 else -2
        index = action_index(tables.controls, taken.narrow(time, 0, shape[-1]), device)
    return index.expand(shape).reshape(-1)


def control_variables(tables: Tables) -> list[tuple[Variable, int]]:
    """The controls, in order."""
    return [(Variable(Role.CONTROL, f"action_{f}"), n) for f, n in enumerate(tables.controls)]


def add_moves(found: Counts, tables: Tables, joint: Tensor) -> None:
    """Add expected frequencies of ``(actions, states, next states)`` to transitions."""
    order = [
        *control_variables(tables),
        *states_of(tables, Role.STATE),
        *states_of(tables, Role.NEXT),
    ]
    add(found, tables.transition, joint, order)


def add_habits(
    found: Counts, habits: Iterable[Table], controls: Sequence[int], chosen: Tensor
) -> None:
    """Add how often each action was taken ``(actions,)`` to the habits over actions."""
    single = len(controls) == 1
    order = [
        (Variable(Role.CONTROL, "action" if single else f"action_{f}"), size)
        for f, size in enumerate(controls)
    ]
    add(found, [table for table in habits if table.variable.name != "policy"], chosen, order)


def add_outcomes(
    found: Counts, tables: Tables, probs: Tensor, evidence: Evidence, kept: Tensor
) -> None:
    """Count outcomes: those seen, and unseen ones on which some that were seen depend."""
    for names in linked_sites(tables):
        group = [table for table in tables.observe if table.variable.name in names]
        if all(table.source is None for table in group):
            continue
        sites = outcome_sites(tables, names)
        likelihood = log_likelihood(tables, names).double().exp().flatten(1)
        weights = product_of([evidence.weights[name] for name in names])
        evidence_of = weights @ likelihood.T
        possible = evidence_of > 0
        share = torch.where(possible, probs / torch.where(possible, evidence_of, 1.0), 0.0)
        needed = _needed(group, evidence.seen)
        order = states_of(tables, Role.STATE)
        order += [(Variable(Role.OUTCOME, site.name), site.size) for site in sites]
        for table in group:
            mask = (needed[table.variable.name] & kept).to(share)
            joint = likelihood * (share.T @ (weights * mask.unsqueeze(-1)))
            add(found, [table], joint, order)


def product_of(factors: Sequence[Tensor]) -> Tensor:
    """Weights of joint values, ``(rows, values)``, the last site varying fastest."""
    joint = factors[0]
    for factor in factors[1:]:
        joint = (joint.unsqueeze(-1) * factor.unsqueeze(-2)).flatten(1)
    return joint


def _needed(group: Sequence[Table], seen: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Where a site was seen or something seen depends on it, ``(rows,)``."""
    needed = {table.variable.name: seen[table.variable.name] for table in group}
    for table in reversed(group):
        for parent in table.parents:
            if parent.role is Role.OUTCOME:
                needed[parent.name] = needed[parent.name] | needed[table.variable.name]
    return needed


def add_preferred(
    found: Counts,
    filter: ExactFilter | FactorizedFilter,
    evidence: Evidence,
    shape: tuple[int, ...],
    start: int,
    first: int,
) -> None:
    """Count the outcomes that came about as draws from the preferences, from time ``first`` on."""
    model, outcomes = filter.model, filter.tables.outcomes
    end = start + shape[-1]
    steps = torch.arange(start, end, device=evidence.any.device).expand(shape).reshape(-1)
    timed = depends_on_step(model)
    for step in range(first, end) if timed else [first]:
        rows = steps == step if timed else steps >= first
        for table in compile_preferences(model, outcomes, step):
            if table.source is None:
                continue
            names = [v.name for v in table.variables]
            whole = torch.stack([evidence.seen[name] for name in names]).all(0) & rows
            joint = product_of([evidence.weights[name] for name in names])[whole]
            joint = joint / joint.sum(-1, keepdim=True)
            sizes = {site.name: site.size for site in outcomes}
            add(found, [table], joint.sum(0), [(v, sizes[v.name]) for v in table.variables])


def named(model: Any, counts: Counts) -> dict[str, Tensor]:
    """Counts by the names that the tables have in a model.

    Raises:
        ValueError: where a table is no part of the model.
    """
    names = {module: name for name, module in model.named_modules()}
    if any(owner not in names for owner in counts):
        raise ValueError(
            complain("tables", "attributes of the model", "one that is held elsewhere")
        )
    return {names[owner]: value for owner, value in counts.items()}
