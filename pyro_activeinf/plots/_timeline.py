"""The time axis of a trajectory: rows, the episodes they belong to, and what is written below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..records import Trajectory
from ._canvas import VERMILION, Array, array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TICKS = 30
BOUNDARIES = 60


@dataclass(frozen=True)
class Timeline:
    """Rows of a trajectory, drawn at x = 0, 1, .. through all of its episodes."""

    episode: Array  # (time,)
    step: Array  # (time,)

    @staticmethod
    def of(trajectory: Trajectory) -> Timeline:
        """The time axis of a trajectory."""
        return Timeline(array(trajectory.episode), array(trajectory.step))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.episode)

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """First row of each episode, and the row after its last."""
        cuts = np.flatnonzero(np.diff(self.episode)) + 1
        edges = [0, *cuts.tolist(), self.rows]
        return list(zip(edges[:-1], edges[1:], strict=True))

    def broken(self, values: Array) -> tuple[Array, Array]:
        """Positions and values of a line that is interrupted between episodes."""
        starts = [start for start, _ in self.spans[1:]]
        finite = np.where(np.isfinite(values), values, np.nan)
        return np.insert(np.arange(self.rows, dtype=float), starts, np.nan), np.insert(
            finite, starts, np.nan
        )

    def ticks(self) -> dict[int, str]:
        """Rows to mark and what to write there: the step, and below it the episode."""
        stride, gap = _round_up(self.rows / TICKS), self.rows / (TICKS + 10)
        found: dict[int, str] = {}
        shown = -np.inf
        for start, end in self.spans:
            if start - shown >= gap:
                shown = start
                inside = range(start + stride, end, stride)
                rows = [start, *(row for row in inside if end - row >= gap)]
                found |= {row: str(self.step[row]) for row in rows}
                found[start] = self._first(start, stride)
        return found

    def _first(self, row: int, stride: int) -> str:
        if len(self.spans) == 1:
            return str(self.step[row])
        number = str(self.episode[row])
        return number if self._only_starts(stride) else f"{self.step[row]}\n{number}"

    def _only_starts(self, stride: int) -> bool:
        return all(end - start <= stride for start, end in self.spans)

    @property
    def label(self) -> str:
        """What the numbers below the axis are."""
        if len(self.spans) == 1:
            return "time step"
        if self._only_starts(_round_up(self.rows / TICKS)):
            return "episode"
        return "time step (upper row), episode (lower row)"

    def finish(self, axes: Sequence[Axes]) -> None:
        """Mark episodes on every panel, and write the time axis below the last one."""
        ticks = self.ticks()
        for panel in axes:
            panel.set_xlim(-0.5, self.rows - 0.5)
            if len(self.spans) <= BOUNDARIES:
                for start, _ in self.spans[1:]:
                    panel.axvline(start - 0.5, color=VERMILION, linewidth=0.8)
            panel.set_xticks(list(ticks), list(ticks.values()), fontsize="small")
            panel.tick_params(axis="x", labelbottom=panel is axes[-1])
        axes[-1].set_xlabel(self.label)


def _round_up(value: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50, .. that is not below a value."""
    scale = 10 ** max(0, int(np.floor(np.log10(max(value, 1)))))
    return next(scale * digit for digit in (1, 2, 5, 10) if scale * digit >= value)
