"""What was measured, as a table to read and as JSON to keep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..demo.results import aligned
from .bars import Bar
from .outcomes import HEAD as OUTCOME_HEAD
from .outcomes import Outcome
from .sample import Sample, readable_seconds

AGREE = 1e-4  # two float32 computations of the same thing differ by less
HEAD = (
    "measurement",
    "ours",
    "peer",
    "ratio",
    "bar",
    "verdict",
    "difference",
    "peer compiles",
    "x bare products",
)


@dataclass(frozen=True)
class Row:
    """One measurement: ours beside the peer's, and beside what it has to reach."""

    name: str
    ours: Sample
    peer: Sample | None = None  # where it is absent, or cannot do it
    bar: Bar | None = None
    difference: float | None = None  # the largest one between the numbers that both computed
    compile_seconds: float | None = None  # the peer's first call less a later one
    products: Sample | None = None  # the matrix products that ours cannot do without
    agree: float = AGREE  # the largest difference of equal results

    @property
    def ratio(self) -> float | None:
        """How many times as much the peer takes."""
        if self.peer is None or self.ours.median <= 0:
            return None
        return self.peer.median / self.ours.median

    @property
    def agrees(self) -> bool | None:
        """Whether both sides computed the same; ``None`` where there is nothing to compare."""
        return None if self.difference is None else self.difference <= self.agree

    @property
    def passed(self) -> bool | None:
        """Whether the bar is reached, with equal results; ``None`` where that cannot be told."""
        if self.bar is None:
            return None
        peer = None if self.peer is None else self.peer.median
        reached = self.bar.reached(self.ours.median, peer)
        return False if self.agrees is False else reached

    @property
    def verdict(self) -> str:
        """The same in a word."""
        if self.agrees is False:
            return "DIFFERS"
        return {True: "pass", False: "FAIL", None: ""}[self.passed]

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the columns of :data:`HEAD`."""
        bare = None if self.products is None else self.ours.median / self.products.median
        compiles = self.compile_seconds
        return (
            self.name,
            str(self.ours),
            "-" if self.peer is None else str(self.peer),
            "-" if self.ratio is None else f"{self.ratio:.3g}x",
            "" if self.bar is None else str(self.bar),
            self.verdict,
            "" if self.difference is None else f"{self.difference:.1e}",
            "" if compiles is None else readable_seconds(compiles),
            "" if bare is None else f"{bare:.2g}x",
        )

    def to_json(self) -> dict[str, Any]:
        """The row as plain values."""
        return {
            "name": self.name,
            "ours": self.ours.to_json(),
            "peer": None if self.peer is None else self.peer.to_json(),
            "ratio": self.ratio,
            "bar": None if self.bar is None else str(self.bar),
            "passed": self.passed,
            "difference": self.difference,
            "peer_compile_seconds": self.compile_seconds,
            "bare_products": None if self.products is None else self.products.to_json(),
        }


@dataclass(frozen=True)
class Cost:
    """What one call takes."""

    seconds: Sample
    memory: Sample

    def to_json(self) -> dict[str, Any]:
        """Both samples as plain values."""
        return {"seconds": self.seconds.to_json(), "memory": self.memory.to_json()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Cost:
        """The cost of plain values."""
        return cls(Sample.from_json(content["seconds"]), Sample.from_json(content["memory"]))


@dataclass(frozen=True)
class Point:
    """The costs at one size."""

    size: int
    ours: Cost
    peer: Cost | None

    def to_json(self) -> dict[str, Any]:
        """Size and costs as plain values."""
        peer = None if self.peer is None else self.peer.to_json()
        return {"size": self.size, "ours": self.ours.to_json(), "peer": peer}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Point:
        """The point of plain values."""
        peer = None if content["peer"] is None else Cost.from_json(content["peer"])
        return cls(content["size"], Cost.from_json(content["ours"]), peer)


@dataclass(frozen=True)
class Curve:
    """How the costs grow with one size of a problem."""

    name: str
    axis: str  # what is varied
    fixed: str  # what is not
    points: tuple[Point, ...]

    def to_json(self) -> dict[str, Any]:
        """The curve as plain values."""
        points = [point.to_json() for point in self.points]
        return {"name": self.name, "axis": self.axis, "fixed": self.fixed, "points": points}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Curve:
        """The curve of plain values."""
        points = tuple(Point.from_json(point) for point in content["points"])
        return cls(content["name"], content["axis"], content["fixed"], points)


Entry = Row | Outcome | Curve


@dataclass(frozen=True)
class Results:
    """All rows, outcomes and curves of a run."""

    facts: Mapping[str, Any]  # of the machine and the libraries
    rows: tuple[Row, ...]
    curves: tuple[Curve, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)  # name: why it could not be done
    absence: str = ""  # why there is no peer
    outcomes: tuple[Outcome, ...] = ()

    def table(self) -> str:
        """The rows, and below them what could not be measured."""
        lines = [aligned([HEAD, *(row.cells() for row in self.rows)])] if self.rows else []
        if self.outcomes:
            cells = [outcome.cells() for outcome in self.outcomes]
            lines.append(aligned([OUTCOME_HEAD, *cells]))
        lines += [f"{name}: {reason}" for name, reason in self.failures.items()]
        return "\n".join([*lines, *([self.absence] if self.absence else [])])

    def to_json(self) -> str:
        """The same as JSON, where each entry has the facts under which it was measured."""
        parts: dict[str, Sequence[Entry]] = {
            "rows": self.rows,
            "outcomes": self.outcomes,
            "curves": self.curves,
        }
        content = {
            "facts": dict(self.facts),
            "peer_absent": self.absence or None,
            **{
                part: [{**entry.to_json(), "facts": dict(self.facts)} for entry in entries]
                for part, entries in parts.items()
            },
            "failures": dict(self.failures),
        }
        return json.dumps(content, indent=1) + "\n"
