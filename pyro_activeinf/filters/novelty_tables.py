"""What outcomes and states would tell about the tables that they are drawn from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .._checks import complain
from ..compile import Role, Source, Table, Tables, Variable
from ..records import ExpectedFreeEnergyTerms
from .joint import log_likelihood
from .novelty_rules import TableNovelty, after_draws


def with_novelty(terms: ExpectedFreeEnergyTerms, gained: Tensor) -> ExpectedFreeEnergyTerms:
    """The terms with more novelty, ``(*batch)`` nats, in their total."""
    at = torch.zeros_like(terms.values)
    at[..., 3, 0] = gained
    return ExpectedFreeEnergyTerms(terms.values + at, terms.sites)


def outcome_novelty(tables: Tables, rule: TableNovelty) -> Tensor | None:
    r"""Information about the likelihood in each state, ``(states, 1 + sites)``, in nats.

    .. math:: E_{p(o|s)}[I(\theta_{row(s, o)}; o_m)]

    for each site by itself; in group 0 for all of them together: where sites of one step are drawn
    from the same row, a later one counts for what it adds to the earlier ones. (Not where the row
    depends on other outcomes of the step: then as if it were the first, which is an upper bound.)
    ``None`` where no likelihood has counts.
    """
    learned = [table for table in tables.observe if table.source is not None]
    if not learned:
        return None
    names = [site.name for site in tables.outcomes]
    states = [(Variable(Role.STATE, site.name), site.size) for site in tables.states]
    found = tables.tensors[0].new_zeros(tables.joint_size, 1 + len(names))
    for i, table in enumerate(learned):
        alone = _in_state(tables, table, rule)
        added = added_novelty(table, learned[:i], rule, states)
        site = torch.arange(1 + len(names)) == 1 + names.index(table.variable.name)
        found = found + alone.unsqueeze(-1) * site.to(found)
        total = alone if added is None else added.reshape(-1)
        found = found + total.unsqueeze(-1) * (torch.arange(1 + len(names)) == 0).to(found)
    return found


def _in_state(tables: Tables, table: Table, rule: TableNovelty) -> Tensor:
    """Information from one site in each state, ``(states,)``."""
    states = [(Variable(Role.STATE, site.name), site.size) for site in tables.states]
    beside = [v.name for v in table.parents if v.role is Role.OUTCOME]
    sizes = {site.name: site.size for site in tables.outcomes}
    outcomes = [(Variable(Role.OUTCOME, name), sizes[name]) for name in beside]
    each = _spread(table, rule, [*states, *outcomes]).reshape(tables.joint_size, -1)
    if not beside:
        return each.squeeze(-1)
    return (log_likelihood(tables, beside).exp().flatten(1) * each).sum(-1)


def transition_novelty(tables: Tables, transition: Tensor, rule: TableNovelty) -> Tensor | None:
    r"""Information about the transition in each state, ``(actions, states)``, in nats.

    .. math:: \sum_f E_{p(s'|s,u)}[I(\theta_{row(s, u, s')}; s'_f)]

    Factors that are drawn from the same row count as sites of one step do.

    Args:
        tables: of the program.
        transition: p(s' | s, u), ``(actions, states, next states)``.
        rule: information of one draw.

    Returns:
        ``None`` where no transition has counts.
    """
    learned = [table for table in tables.transition if table.source is not None]
    if not learned:
        return None
    now = [(Variable(Role.STATE, site.name), site.size) for site in tables.states]
    then = [(Variable(Role.NEXT, site.name), site.size) for site in tables.states]
    do = [(Variable(Role.CONTROL, f"action_{f}"), n) for f, n in enumerate(tables.controls)]
    found = transition.new_zeros(transition.shape[:2])
    for i, table in enumerate(learned):
        each = added_novelty(table, learned[:i], rule, [*do, *now])
        if each is None:
            every = _spread(table, rule, [*do, *now, *then]).reshape(transition.shape)
            found = found + (transition * every).sum(-1)
        else:
            found = found + each.reshape(found.shape)
    return found


def added_novelty(
    table: Table,
    earlier: Sequence[Table],
    rule: TableNovelty,
    order: Sequence[tuple[Variable, int]],
) -> Tensor | None:
    """What a draw adds to those of earlier tables from the same row, over values of variables.

    ``None`` where the row depends on other variables than these.
    """
    variables, sizes = [v for v, _ in order], [size for _, size in order]
    if any(parent not in variables for parent in table.parents):
        return None
    source = _source(table)
    repeated = torch.zeros(sizes, dtype=torch.long, device=source.rows.device)
    for other in earlier:
        same = _source(other).owner is source.owner
        if same and all(parent in variables for parent in other.parents):
            rows = [_laid_out(_source(t).rows, t, variables) for t in (table, other)]
            repeated = repeated + (rows[0] == rows[1])
    found = _spread(table, rule, order)
    for draws in range(1, int(repeated.max()) + 1):
        more = _laid_out(after_draws(rule, source.counts, draws), table, variables)
        found = torch.where(repeated == draws, more, found)
    return found


def spread(table: Table, rule: TableNovelty, order: Sequence[Variable]) -> Tensor:
    """Information of a table's rows with a dim for each variable of ``order``, to broadcast."""
    return _laid_out(rule(_source(table).counts), table, order)


def _source(table: Table) -> Source:
    if table.source is None:
        raise ValueError(complain("table", "one with counts", f"that of {table.variable.name}"))
    return table.source


def _laid_out(values: Tensor, table: Table, order: Sequence[Variable]) -> Tensor:
    """Values ``(*parents)`` of a table with a dim for each variable of ``order``."""
    dims = [table.parents.index(v) for v in order if v in table.parents]
    sizes = [values.shape[table.parents.index(v)] if v in table.parents else 1 for v in order]
    return values.permute(dims).reshape(sizes)


def _spread(table: Table, rule: TableNovelty, order: Sequence[tuple[Variable, int]]) -> Tensor:
    """Information of a table's rows, laid out over all values of some variables."""
    values = spread(table, rule, [variable for variable, _ in order])
    return values.expand([size for _, size in order])
