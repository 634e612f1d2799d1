"""Expected counts where the state sites are taken to be independent: a table at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..compile import Role, Table, Tables, Variable
from ..compile.program import habit_tables
from ..filters import FactorizedFilter
from ..filters.factorized_smoothing import FactorizedSmoothing
from ..filters.factors import positions, restricted
from ..filters.joint import linked_sites
from ..filters.products import product
from .counts import (
    Counts,
    Evidence,
    action_positions,
    add,
    add_habits,
    add_outcomes,
    add_preferred,
    control_variables,
    informed_steps,
)


def count_factors(
    filter: FactorizedFilter,
    smoothing: FactorizedSmoothing,
    observations: Mapping[str, Any],
    actions: Any,
    first: int = 0,
    start: int = 0,
) -> Counts:
    r"""As :func:`~.counts.count` does, from marginals.

    .. math:: n_{ri} = \sum_t q\big(pa_t = r, s_{t,f} = i\big), \qquad
              q(pa, s'_f) \propto p(s'_f | pa, u) \frac{q(s'_f)}{p(s'_f)} \prod_{h \in pa} q(s_h)
    """
    tables = filter.tables
    shape = smoothing.log_probs.shape[:-1]
    evidence = Evidence.of(tables.outcomes, observations, shape)
    informed = informed_steps(evidence, shape)
    counted = torch.arange(shape[-1], device=informed.device) >= first
    found: Counts = {}
    if first == start == 0:
        for table, pair in zip(tables.initial, smoothing.first, strict=True):
            seen = pair.double() * informed[..., 0, None, None]
            _add_table(found, tables, table, Role.STATE, _total(seen).unsqueeze(0))
    _add_moves(found, filter, smoothing, actions, informed[..., 1:] & counted[1:])
    rows = (counted & informed).reshape(-1)
    for names in linked_sites(tables):
        part = restricted(tables, names)
        marginals = [smoothing.probs[f].double() for f in positions(tables, part)]
        probs = product(marginals) if marginals else torch.ones(*shape, 1).double()
        add_outcomes(found, part, probs.reshape(len(rows), -1), evidence, rows)
    add_preferred(found, filter, evidence, shape, start, max(first + start, 1))
    return found


def _total(pairs: Tensor) -> Tensor:
    return pairs.reshape(-1, *pairs.shape[-2:]).sum(0)


def _add_moves(
    found: Counts,
    filter: FactorizedFilter,
    smoothing: FactorizedSmoothing,
    actions: Any,
    kept: Tensor,
) -> None:
    """Count transitions, each at the controls that it depends on, and the actions taken."""
    if not kept.shape[-1]:
        return
    tables = filter.tables
    index = action_positions(tables, actions, tuple(kept.shape), kept.device)
    weight = kept.reshape(-1).double()
    choices = math.prod(tables.controls)
    for table, pairs in zip(tables.transition, smoothing.pairs, strict=True):
        rows = pairs.double().reshape(len(index), -1) * weight.unsqueeze(-1)
        joint = rows.new_zeros(choices, rows.shape[-1]).index_add_(0, index, rows)
        _add_table(found, tables, table, Role.NEXT, joint)
    chosen = weight.new_zeros(choices).index_add_(0, index, weight)
    add_habits(found, habit_tables(filter.model, tables.controls), tables.controls, chosen)


def _add_table(found: Counts, tables: Tables, table: Table, same_step: Role, joint: Tensor) -> None:
    """Frequencies ``(choices, parents * size)``, with parents as motions have them."""
    sizes = {site.name: site.size for site in tables.states}
    beside = [v for v in table.parents if v.role is same_step]
    before = [v for v in table.parents if v.role is Role.STATE and v not in beside]
    states: list[Variable] = [*before, *beside, table.variable]
    controls = control_variables(tables) if same_step is Role.NEXT else []
    add(found, [table], joint, [*controls, *((v, sizes[v.name]) for v in states)])
