"""The tables of a program without their numbers, to be filled in for each person and trial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from ... import ops
from ...compile import Counted, Source, Table, Tables


@dataclass(frozen=True, eq=False)
class Held:
    """Counts of a table, of one person at one trial."""

    counts: Tensor  # (*parents, size)


@dataclass(frozen=True)
class Filled:
    """Tables with their numbers."""

    tables: Tables
    preferences: tuple[tuple[Table, ...], ...]  # of each time step
    habit: tuple[Table, ...]
    owners: Mapping[str, Held]  # those of tables with counts, by name

    @property
    def log_habit(self) -> dict[str, Tensor]:
        """Log-probabilities of each site of the habit."""
        return {table.variable.name: table.log_probs for table in self.habit}


@dataclass(frozen=True)
class Blank:
    """A table without numbers."""

    table: Table  # whose numbers do not matter
    owner: str | None  # name of its counts
    rows: Tensor | None  # (*parents): which of their rows it has

    @classmethod
    def of(cls, table: Table, names: Mapping[Counted, str]) -> Blank:
        """The blank of a table, where counts have these names."""
        empty = replace(table, log_probs=torch.empty(0), source=None)
        if table.source is None or table.source.owner not in names:
            return cls(empty, None, None)
        return cls(empty, names[table.source.owner], table.source.rows)

    def filled(self, owners: Mapping[str, Held], fixed: Iterable[Tensor]) -> Table:
        """The table, from its counts or the next of the fixed ones."""
        if self.owner is None or self.rows is None:
            return replace(self.table, log_probs=next(iter(fixed)))
        owner = owners[self.owner]
        expected = owner.counts / owner.counts.sum(-1, keepdim=True)
        log_probs = ops.log(expected).reshape(-1, expected.shape[-1])[self.rows]
        return replace(self.table, log_probs=log_probs, source=Source(owner, self.rows))


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Blanks of all tables of a program, in order."""

    tables: Tables  # whose numbers do not matter
    initial: tuple[Blank, ...]
    transition: tuple[Blank, ...]
    observe: tuple[Blank, ...]
    preferences: tuple[tuple[Blank, ...], ...]
    habit: tuple[Blank, ...]
    graphs: dict[Any, Any] = field(default_factory=dict, repr=False)  # of what is done with it

    @classmethod
    def of(
        cls,
        tables: Tables,
        preferences: Sequence[Sequence[Table]],
        habit: Sequence[Table],
        names: Mapping[Counted, str],
    ) -> tuple[Skeleton, tuple[Tensor, ...]]:
        """Take the numbers out of tables: the skeleton, and the log-probabilities without counts.

        Args:
            names: of the counts that change.
        """

        def blank(part: Iterable[Table]) -> tuple[Blank, ...]:
            return tuple(Blank.of(table, names) for table in part)

        parts = [tables.initial, tables.transition, tables.observe, *preferences, habit]
        every = chain.from_iterable(parts)
        kept = [t.log_probs for t in every if t.source is None or t.source.owner not in names]
        found = cls(
            replace(tables, initial=(), transition=(), observe=()),
            blank(tables.initial),
            blank(tables.transition),
            blank(tables.observe),
            tuple(map(blank, preferences)),
            blank(habit),
        )
        return found, tuple(kept)

    def filled(self, fixed: Sequence[Tensor], counts: Mapping[str, Tensor]) -> Filled:
        """Put the numbers of one person in."""
        owners = {name: Held(value) for name, value in counts.items()}
        rest = iter(fixed)

        def fill(part: Iterable[Blank]) -> Any:
            return tuple(blank.filled(owners, rest) for blank in part)

        tables = replace(
            self.tables,
            initial=fill(self.initial),
            transition=fill(self.transition),
            observe=fill(self.observe),
        )
        return Filled(tables, tuple(map(fill, self.preferences)), fill(self.habit), owners)
