"""How much memory a task takes, and whether a long life takes ever more."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .bars import Bar
from .experiment import Experiment, Lab
from .problem import Problem
from .results import Row
from .sample import Sample
from .side import Prepared, Side

PARTS = 10  # of a long life


@dataclass(frozen=True)
class PeakMemory(Experiment[Row]):
    """The most memory that a task takes, in processes of their own.

    What counts is the largest resident set while the task is set up (compiled, by the peer) and
    done, less the one before: when the libraries were imported, and had done the smallest form of
    the same task.
    """

    name: str
    problem: Problem
    bar: Bar | None = None

    def run(self, lab: Lab) -> Row:
        """Measure each side once."""
        with lab.fresh() as (ours, peer):
            _, taken = prepared_in(ours, self.problem)
            theirs = None if peer is None else prepared_in(peer, self.problem)[1]
        return Row(self.name, taken, theirs, self.bar)

    def shrunk(self) -> PeakMemory:
        """The same in a small size, which no bar is meant for."""
        return replace(self, problem=self.problem.shrunk(), bar=None)


def prepared_in(side: Side, problem: Problem) -> tuple[Prepared, Sample]:
    """A problem that was set up in a new process, and the memory in bytes that it took."""
    side.prepare("warm-up", problem.warm_up())
    before = side.settle()
    task = side.prepare("task", problem)
    return task, Sample("bytes", (side.peak() - before,))


@dataclass(frozen=True)
class MemoryGrowth(Experiment[Row]):
    """By how much the memory of an agent grows over a long life, after a first part of it.

    Args:
        name: what it is called.
        problem: one episode.
        episodes: number of episodes; memory is first looked at after a part of them.
        bar: what has to be reached.
    """

    name: str
    problem: Problem
    episodes: int
    bar: Bar | None = None

    def run(self, lab: Lab) -> Row:
        """Live, and look at the memory in between; ours alone."""
        with lab.fresh() as (ours, _):
            task = ours.prepare("life", self.problem)
            ours.settle()
            task.run(self.episodes // PARTS)
            before = ours.peak()
            for _ in range(PARTS - 1):  # parts of one size: what is noted down of each is as large
                task.run(self.episodes // PARTS)
            return Row(self.name, Sample("bytes", (ours.peak() - before,)), bar=self.bar)

    def shrunk(self) -> MemoryGrowth:
        """The same for a short life."""
        return replace(self, episodes=20, bar=None)
