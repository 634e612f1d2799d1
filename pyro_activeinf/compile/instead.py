"""A compiled program some of whose preferences and habits are given from outside."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from .cache import Compiled
from .program import Programs
from .tables import Role, Table, Tables, Variable
from .wishes import Wishes, require_fit


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
        preferred = {name: sizes[name] for name in preferred_sites(compiled)}
        habit = {name: len(probs) for name, probs in compiled.habit().items()}
        require_fit(wishes, preferred, habit)
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
            given = [
                Table(Variable(Role.OUTCOME, name), (), wish)
                for name, wish in wished.items()
                if isinstance(wish, Tensor)
            ]
            latest = self._latest = (own, (*kept, *given))
        return latest[1]

    def habit(self) -> dict[str, Tensor]:
        """Log-probabilities of the sites of ``habit``."""
        return {**self.compiled.habit(), **self.wishes.log_habit}


def preferred_sites(compiled: Compiled | Instead) -> list[str]:
    """Observation sites that the program prefers something of, at the first step."""
    return [table.variable.name for table in compiled.preferences(0)]
