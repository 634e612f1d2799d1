"""A compiled program some of whose preferences and habits are given from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from .._checks import complain, known_names
from .cache import Compiled
from .program import Programs
from .tables import Role, Table, Tables, Variable


@dataclass(frozen=True)
class Wishes:
    """Log-preferences over observation sites, and log-probabilities of habits, in nats."""

    preferences: Mapping[str, Tensor]  # observation site: (values)
    habit: Mapping[str, Tensor]  # site of ``habit``: (values)


def require_fit(
    wishes: Wishes,
    preferred: Collection[str],
    sizes: Mapping[str, int],
    habit: Mapping[str, Tensor],
) -> None:
    """Raise ``ValueError`` unless wishes are about what a model prefers and does by habit."""
    known_names("preferences", wishes.preferences, list(preferred))
    known_names("habit", wishes.habit, list(habit))
    each = {**sizes, **{name: len(probs) for name, probs in habit.items()}}
    for name, wish in [*wishes.preferences.items(), *wishes.habit.items()]:
        if wish.shape != (each[name],):
            expected = f"{each[name]} log-probabilities"
            raise ValueError(complain(name, expected, f"shape {tuple(wish.shape)}"))


class Instead:
    """The tables of a compiled program, with other wishes in place of its own.

    What a program wishes at a site is replaced where that site is given, at every time step.

    Raises:
        ValueError: for a site that the program's ``prefer`` or ``habit`` does not have, or a
            number of values that is not its own.
    """

    def __init__(self, compiled: Compiled, wishes: Wishes) -> None:
        self.compiled, self.wishes = compiled, wishes
        sizes = {site.name: site.size for site in compiled.tables.outcomes}
        require_fit(wishes, preferred_sites(compiled), sizes, compiled.habit())
        self._tables: tuple[Tables, Tables] | None = None
        self._latest: tuple[tuple[Table, ...], tuple[Table, ...]] | None = None

    @property
    def programs(self) -> Programs:
        """The programs that were compiled."""
        return self.compiled.programs

    @property
    def stationary(self) -> bool:
        """Whether preferences are the same at every time step."""
        return self.compiled.stationary

    @property
    def tables(self) -> Tables:
        """The tables as of now: an object of its own, as what is wished differs."""
        now = self.compiled.tables
        if self._tables is None or self._tables[0] is not now:
            self._tables = (now, replace(now))
        return self._tables[1]

    def preferences(self, step: int) -> tuple[Table, ...]:
        """Tables of the log-preferences at a time step."""
        own, wished = self.compiled.preferences(step), self.wishes.preferences
        latest = self._latest
        if latest is None or latest[0] is not own:
            kept = [table for table in own if table.variable.name not in wished]
            given = [Table(Variable(Role.OUTCOME, name), (), wish) for name, wish in wished.items()]
            latest = self._latest = (own, (*kept, *given))
        return latest[1]

    def habit(self) -> dict[str, Tensor]:
        """Log-probabilities of the sites of ``habit``."""
        return {**self.compiled.habit(), **self.wishes.habit}


def preferred_sites(compiled: Compiled | Instead) -> list[str]:
    """Observation sites that the program prefers something of, at the first step."""
    return [table.variable.name for table in compiled.preferences(0)]
