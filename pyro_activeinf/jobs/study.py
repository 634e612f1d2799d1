"""A study: jobs and a seed, and whether a store is of the same one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from .._checks import complain
from ..store import Store
from .fingerprint import digest
from .job import Job, named

KEY = "study"


@dataclass(frozen=True)
class Study:
    """Jobs by name, and the seed that theirs come from."""

    jobs: tuple[Job, ...]
    seed: int

    @classmethod
    def of(cls, jobs: Iterable[Job], seed: int) -> Study:
        """Give jobs names; raise ``TypeError`` or ``ValueError`` where that does not go."""
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(complain("seed", "an integer >= 0", repr(seed)))
        return cls(named(jobs), seed)

    @cached_property
    def digests(self) -> dict[str, str]:
        """Name to a digest of function and arguments."""
        return {j.name: digest((j.function, j.args, dict(j.kwargs)))[:16] for j in self.jobs}

    def enter(self, store: Store) -> None:
        """Write down in the store which jobs it is of.

        Raises:
            ValueError: it is of other jobs, or of another seed.
        """
        known = store.attrs().get(KEY) if store.begun else None
        if known is None and len(store):
            self._refuse(store, "results that were put there one by one")
        if known is not None:
            self._require_same(store, known["seed"], known["jobs"])
        jobs = self.digests if known is None else known["jobs"] | self.digests
        if known is None or jobs != known["jobs"]:
            store.begin({KEY: {"seed": self.seed, "jobs": jobs}})

    @staticmethod
    def is_complete(store: Store) -> bool:
        """Whether a store has the results of all jobs that were ever meant for it."""
        return all(name in store for name in store.attrs()[KEY]["jobs"])

    def _require_same(self, store: Store, seed: int, jobs: dict[str, str]) -> None:
        if seed != self.seed:
            self._refuse(store, f"the results of seed {seed}")
        mine = self.digests
        other = sorted(name for name in jobs.keys() & mine.keys() if jobs[name] != mine[name])
        if other:
            got = f"{len(other)} jobs of these names but with other calls, as {other[0]!r}"
            self._refuse(store, got)
        strange = sorted(jobs.keys() - mine.keys())
        if strange and not mine.keys() <= jobs.keys():
            self._refuse(store, f"{len(strange)} jobs that are none of these, as {strange[0]!r}")

    def _refuse(self, store: Store, got: str) -> None:
        expected = f"a store of these {len(self.jobs)} jobs with seed {self.seed}, or a new path"
        raise ValueError(
            complain("store", expected, f"{store.path} with {got}", "Name another store.")
        )
