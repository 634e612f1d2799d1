"""What an experiment is, and the laboratory that it is done in."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from .side import Prepared, Side, SideError

Start = Callable[[], Side]
Finding = TypeVar("Finding")

ABSENT = (
    "The peer is absent ({reason}): only our own numbers are shown. For a comparison, install it "
    "in an environment of its own (pip install inferactively-pymdp jax) and name its interpreter: "
    "--peer-python PATH."
)


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    turns: int = 7  # of each side
    few: int = 3  # turns of tasks that take long
    long: float = 5.0  # seconds of a turn of all tasks from which on they do
    seconds: float = 0.25  # of a turn, which has at least one call
    calls: int = 1000  # at most, in a turn


class Lab:
    """The two sides, each in a process of its own, and how long to measure.

    Args:
        ours, peer: how to start each side; no peer where ``None``.
        effort: how long to measure.
        others: how to start further peers, by their names; each is started when first needed.

    Attributes:
        absence: a sentence where there is no peer, else empty.
        facts: names and versions of what is measured.
    """

    def __init__(
        self,
        ours: Start,
        peer: Start | None,
        effort: Effort,
        others: Mapping[str, Start] | None = None,
    ) -> None:
        self._start, self._start_peer, self.effort = ours, peer, effort
        self._others, self._rivals = dict(others or {}), dict[str, Side]()
        self.ours = ours()
        self.facts: dict[str, Any] = {"ours": self.ours.ask("hello"), "peer": None}
        self.peer: Side | None = None
        self.absence = ABSENT.format(reason="none was named")
        if peer is not None:
            self._call_in(peer())

    def _call_in(self, peer: Side) -> None:
        try:
            self.facts["peer"] = peer.ask("hello")
        except SideError as error:
            peer.close()
            self.absence = ABSENT.format(reason=str(error).rstrip("."))
        else:
            self.peer, self.absence = peer, ""

    def rival(self, name: str | None) -> Side | None:
        """Another peer by its name (``None`` for the usual one); ``None`` where it is absent."""
        if name is None:
            return self.peer
        if name in self._others:
            rival = self._rivals[name] = self._others.pop(name)()
            self.facts[name] = rival.ask("hello")
        return self._rivals.get(name)

    def __enter__(self) -> Self:
        """The laboratory itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the processes."""
        for side in (self.ours, self.peer, *self._rivals.values()):
            if side is not None:
                side.close()

    @contextmanager
    def fresh(self) -> Iterator[tuple[Side, Side | None]]:
        """Both sides in new processes, whose memory nothing has touched."""
        with self._start() as side:
            if self.peer is None or self._start_peer is None:
                yield side, None
                return
            with self._start_peer() as peer:
                yield side, peer

    def in_turns(self, tasks: Sequence[Prepared]) -> list[tuple[float, ...]]:
        """Seconds of all calls of each task, done in turns: one after the other, again and again.

        Whatever slows the machine down for a while then slows all of them down. Where the first
        turn takes long, there are fewer of them.
        """
        found: list[list[float]] = [[] for _ in tasks]
        turns = self.effort.turns
        for turn in itertools.count(1):
            for task, durations in zip(tasks, found, strict=True):
                durations.extend(task.run(self.effort.calls, self.effort.seconds))
            if turn == 1 and sum(map(sum, found)) > self.effort.long:
                turns = min(turns, self.effort.few)
            if turn >= turns:
                break
        return [tuple(durations) for durations in found]


class Experiment(ABC, Generic[Finding]):
    """Something to find out, under a name."""

    name: str

    @abstractmethod
    def run(self, lab: Lab) -> Finding:
        """Do it.

        Raises:
            SideError: a side could not do what it was asked to.
        """

    @abstractmethod
    def shrunk(self) -> Self:
        """The same in a small size, to try it out."""
