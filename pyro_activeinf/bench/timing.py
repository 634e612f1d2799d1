"""How long a task takes us and the peer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .agreement import largest_difference
from .bars import Bar
from .experiment import Experiment, Lab
from .problem import Problem
from .results import AGREE, Row
from .sample import Sample
from .side import Prepared

NOBODY = "nobody"  # a peer that is never there


@dataclass(frozen=True)
class Timing(Experiment[Row]):
    """Median time of a task, both sides in turn, and whether both compute the same.

    Args:
        name: what it is called.
        problem: what is done.
        bar: what has to be reached.
        peer: what the peer does, where it is put otherwise.
        products: the bare matrix products to compare ours with.
        rival: the name of another peer than the usual one; ``NOBODY`` where none can do it.
        agree: by how much the numbers of both sides may differ.
    """

    name: str
    problem: Problem
    bar: Bar | None = None
    peer: Problem | None = None
    products: Problem | None = None
    rival: str | None = None
    agree: float = AGREE

    def run(self, lab: Lab) -> Row:
        """Prepare all, check that they agree, then measure in turns."""
        tasks = self._prepared(lab)
        durations = lab.in_turns(list(tasks.values()))
        samples = {k: Sample("seconds", d) for k, d in zip(tasks, durations, strict=True)}
        peer = tasks.get("peer")
        return Row(
            self.name,
            samples["ours"],
            samples.get("peer"),
            self.bar,
            difference=None if peer is None else _difference(tasks["ours"], peer),
            compile_seconds=None if peer is None else peer.compile_seconds,
            products=samples.get("products"),
            agree=self.agree,
        )

    def _prepared(self, lab: Lab) -> dict[str, Prepared]:
        rival = lab.rival(self.rival)
        for side in filter(None, (lab.ours, rival)):
            side.ask("clear")
        tasks = {"ours": lab.ours.prepare("ours", self.problem)}
        if self.products is not None:
            tasks["products"] = lab.ours.prepare("products", self.products)
        if rival is not None:
            tasks["peer"] = rival.prepare("peer", self.peer or self.problem)
        return tasks

    def shrunk(self) -> Timing:
        """The same in a small size, which no bar is meant for."""
        return replace(
            self,
            bar=None,
            problem=self.problem.shrunk(),
            peer=self.peer and self.peer.shrunk(),
            products=self.products and self.products.shrunk(),
        )


def _difference(ours: Prepared, peer: Prepared) -> float | None:
    theirs = peer.outputs()
    return largest_difference(ours.outputs(theirs), theirs)
