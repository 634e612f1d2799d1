"""The time axis of a trajectory: rows, the episodes they belong to, and what is written below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..records import Trajectory
from ._canvas import VERMILION, Array, array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TICKS = 16  # numbers below an axis, or twice as many of one digit
CROWD = (20, 200)  # more episodes and more rows than these are too many for lines


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
        return list(pairwise(edges))

    @property
    def crowded(self) -> bool:
        """Whether there are too many episodes to tell their steps apart in a line."""
        return len(self.spans) > CROWD[0] and self.rows > CROWD[1]

    def line(self, values: Array) -> tuple[Array, Array]:
        """Positions and values of a line that is interrupted between episodes.

        A crowded one has a point for each episode: the mean over its steps, where there are any.
        """
        finite = np.where(np.isfinite(values), values, np.nan)
        if self.crowded:
            means = [_mean(finite[start:end]) for start, end in self.spans]
            return np.mean(self.spans, axis=1) - 0.5, np.array(means)
        starts = [start for start, _ in self.spans[1:]]
        rows = np.arange(self.rows, dtype=float)
        return np.insert(rows, starts, np.nan), np.insert(finite, starts, np.nan)

    def ticks(self) -> dict[int, str]:
        """Rows to mark and what to write there: the step, and below it the episode."""
        gap = self.rows / (2 * TICKS)
        if self._by_episode:
            every = _round_up(len(self.spans) / TICKS)
            starts = spaced([start for start, _ in self.spans[::every]], gap)
            return {start: str(self.episode[start]) for start in starts}
        found: dict[int, str] = {}
        for start, end in self.spans:
            rows = [r for r in range(start, end, self._stride) if r == start or end - r >= gap]
            apart = spaced(rows, gap, max(found, default=-np.inf))
            found |= {row: self._text(row, row == apart[0]) for row in apart}
        return found

    @property
    def _stride(self) -> int:
        room = 2 * TICKS if self.step.max() < 10 else TICKS
        return _round_up(self.rows / room)

    @property
    def _by_episode(self) -> bool:
        short = all(end - start <= self._stride for start, end in self.spans)
        return len(self.spans) > 1 and (short or self.crowded or len(self.spans) > 2 * TICKS)

    def _text(self, row: int, names_episode: bool) -> str:
        if len(self.spans) == 1:
            return str(self.step[row])
        return f"{self.step[row]}\n{self.episode[row] if names_episode else ''}"

    @property
    def label(self) -> str:
        """What the numbers below the axis are."""
        if self._by_episode:
            return "episode"
        several = "time step (upper row), episode (lower row)"
        return "time step" if len(self.spans) == 1 else several

    def finish(self, axes: Sequence[Axes]) -> None:
        """Mark episodes on every panel, and write the time axis below the last one."""
        ticks = self.ticks()
        for panel in axes:
            panel.set_xlim(-0.5, self.rows - 0.5)
            if not self.crowded:
                for start, _ in self.spans[1:]:
                    panel.axvline(start - 0.5, color=VERMILION, linewidth=0.8)
            panel.set_xticks(list(ticks), list(ticks.values()), fontsize="small")
            panel.tick_params(axis="x", labelbottom=panel is axes[-1])
        axes[-1].set_xlabel(self.label)


def spaced(rows: Sequence[int], gap: float, last: float = -np.inf) -> list[int]:
    """Rows that are at least ``gap`` after the one before, or after ``last``."""
    found: list[int] = []
    for row in rows:
        if row - (found[-1] if found else last) >= gap:
            found.append(row)
    return found


def _mean(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else np.nan


def _round_up(value: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50, .. that is not below a value."""
    scale = 10 ** max(0, int(np.floor(np.log10(max(value, 1)))))
    return next(scale * digit for digit in (1, 2, 5, 10) if scale * digit >= value)
