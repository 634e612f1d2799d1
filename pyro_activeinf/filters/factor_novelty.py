"""What draws from tables with counts would tell, where state sites are independent.

Draws of one step from the same row of one table are not counted twice, whichever sites they are of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..compile import Role, Table, Tables, Variable
from .novelty_rules import TableNovelty
from .novelty_tables import added_novelty
from .products import picked, product

LARGEST = 2**20  # joint values of the parents of tables that share counts


@dataclass(frozen=True)
class Gain:
    """Information of one site's draw, as a function of states and controls."""

    before: tuple[int, ...]  # factors at the step before, or at the step of the outcomes
    after: tuple[int, ...]  # factors that are drawn in this step
    controls: tuple[int, ...]
    control_sizes: tuple[int, ...]
    values: Tensor  # (joint of the factors, joint of the controls), in nats

    def expected(
        self, before: Sequence[Tensor], after: Sequence[Tensor], action: Sequence[Tensor]
    ) -> Tensor:
        """The average over marginals, ``(*batch)``.

        Args:
            before, after: log-probabilities of each factor, ``(*batch, size)``.
            action: positions of each control, ``(*batch)``.
        """
        states = [before[f] for f in self.before] + [after[f] for f in self.after]
        probs = product([q.exp() for q in states]) if states else self.values.new_ones(1)
        choice = torch.zeros((), dtype=torch.long, device=self.values.device)
        for control, size in zip(self.controls, self.control_sizes, strict=True):
            choice = choice * size + action[control]
        return picked((probs @ self.values).unsqueeze(-1), choice).squeeze(-1)


def moving_gains(tables: Tables, rule: TableNovelty) -> tuple[Gain, ...]:
    """Information about the transition: of each site whose table has counts.

    A site that shares counts with earlier ones counts for what it adds.
    """
    learned = [table for table in tables.transition if table.source is not None]
    found = (_gain(tables, table, learned[:i], rule) for i, table in enumerate(learned))
    return tuple(gain for gain in found if gain is not None)


def outcome_corrections(
    tables: Tables, parts: Sequence[Sequence[str]], rule: TableNovelty
) -> tuple[Gain, ...]:
    """What observation sites scored apart count twice, as negative information.

    Args:
        parts: names of sites that are scored together.
    """
    learned = [table for table in tables.observe if table.source is not None]
    found = []
    for i, table in enumerate(learned):
        part = next(names for names in parts if table.variable.name in names)
        beside = [other for other in learned[:i] if other.variable.name in part]
        if len(_sharing(table, beside)) == len(_sharing(table, learned[:i])):
            continue
        together = _gain(tables, table, learned[:i], rule)
        apart = _gain(tables, table, beside, rule, learned[:i])
        if together is not None and apart is not None and together.before == apart.before:
            found.append(Gain(together.before, (), (), (), together.values - apart.values))
    return tuple(found)


def _sharing(table: Table, earlier: Sequence[Table]) -> list[Table]:
    """Those of earlier tables whose draws are from the same counts."""
    owner = table.source.owner if table.source is not None else None
    return [other for other in earlier if other.source and other.source.owner is owner]


def _gain(
    tables: Tables,
    table: Table,
    earlier: Sequence[Table],
    rule: TableNovelty,
    over: Sequence[Table] | None = None,
) -> Gain | None:
    """What a table's draw adds to earlier ones, over the parents of all that share counts."""
    sharing = _sharing(table, earlier)
    wide = sharing if over is None else _sharing(table, over)
    order = _order(tables, [table, *wide])
    if math.prod(size for _, size in order) > LARGEST:
        order, sharing = _order(tables, [table]), []
    values = added_novelty(table, sharing, rule, order)
    if values is None:
        return None
    names = [site.name for site in tables.states]
    places = {
        role: tuple(names.index(v.name) for v, _ in order if v.role is role)
        for role in (Role.STATE, Role.NEXT)
    }
    controls = [(v, size) for v, size in order if v.role is Role.CONTROL]
    choices = math.prod(size for _, size in controls)
    return Gain(
        places[Role.STATE],
        places[Role.NEXT],
        tuple(int(v.name.removeprefix("action_")) for v, _ in controls),
        tuple(size for _, size in controls),
        values.reshape(-1, choices),
    )


def _order(tables: Tables, drawn: Sequence[Table]) -> list[tuple[Variable, int]]:
    """The parents of tables with their sizes: states, next states, controls."""
    sizes = {site.name: site.size for site in tables.states}
    known = [
        (Variable(role, n), size) for role in (Role.STATE, Role.NEXT) for n, size in sizes.items()
    ]
    known += [(Variable(Role.CONTROL, f"action_{f}"), n) for f, n in enumerate(tables.controls)]
    used = {parent for table in drawn for parent in table.parents}
    return [(variable, size) for variable, size in known if variable in used]
