"""What the demonstration found, as a table to read and as JSON to keep."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .proportion import Proportion


@dataclass(frozen=True)
class Row:
    """One measure of one agent."""

    world: str
    agent: str
    measure: str
    proportion: Proportion

    def cells(self) -> tuple[str, ...]:
        """The row as text: world, agent, measure, rate, interval, trials."""
        low, high = self.proportion.interval()
        interval = f"{low:.1%} to {high:.1%}"
        rate = f"{self.proportion.rate:.1%}"
        return self.world, self.agent, self.measure, rate, interval, str(self.proportion.trials)

    def to_json(self) -> dict[str, Any]:
        """The row as plain values."""
        low, high = self.proportion.interval()
        return {
            "world": self.world,
            "agent": self.agent,
            "measure": self.measure,
            "successes": self.proportion.successes,
            "trials": self.proportion.trials,
            "rate": self.proportion.rate,
            "interval_95": [low, high],
        }


@dataclass(frozen=True)
class Results:
    """All measures, and the optimum that the last of them stands beside."""

    seed: int
    rows: tuple[Row, ...]
    optimum: float  # the rate of the last row under the optimal policy, computed

    def table(self) -> str:
        """A table of rates with their 95 % confidence intervals.

        Example:
            >>> row = Row("Coin", "biased hand", "heads", Proportion(5, 10))
            >>> print(Results(0, (row,), 1.0).table())
            world  agent           measure  rate    95 % interval   trials
            Coin   biased hand     heads    50.0%   23.7% to 76.3%  10
            Coin   optimal policy  heads    100.0%  computed
        """
        head = ("world", "agent", "measure", "rate", "95 % interval", "trials")
        last = self.rows[-1]
        best = (last.world, "optimal policy", last.measure, f"{self.optimum:.1%}", "computed", "")
        return aligned([head, *(row.cells() for row in self.rows), best])

    def to_json(self) -> str:
        """The same as JSON."""
        rows = [row.to_json() for row in self.rows]
        content = {"seed": self.seed, "rows": rows, "optimum": self.optimum}
        return json.dumps(content, indent=2) + "\n"


def aligned(rows: list[tuple[str, ...]]) -> str:
    """Cells in columns, two spaces apart.

    Example:
        >>> print(aligned([("a", "bc"), ("def", "g")]))
        a    bc
        def  g
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join(lines)
