"""When the levels of a hierarchy step on, each by its own clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..records import Trajectory
from ._canvas import Array, array
from ._timeline import spaced


@dataclass(frozen=True)
class Clock:
    """Where the steps of one level are on the time axis of the lowest one."""

    starts: Array  # (steps,): rows at which it steps on, or begins
    numbers: Array  # (steps,): its own time index there
    anew: Array  # (beginnings,): rows at which it begins anew
    rows: int  # of the whole time axis

    @property
    def ends(self) -> Array:
        """The last row of each step, ``(steps,)``."""
        return np.append(self.starts[1:], self.rows) - 1

    def marks(self, most: int) -> dict[int, str]:
        """Rows and the own time indexes to write there, not more than so many."""
        numbers = dict(zip(self.starts.tolist(), self.numbers.tolist(), strict=True))
        return {row: str(numbers[row]) for row in spaced(list(numbers), self.rows / most)}


def clocks(trajectory: Trajectory) -> list[Clock]:
    """The clock of each level, lowest first.

    A level steps on where the one below it begins anew, and the lowest one at each row.
    """
    episode = array(trajectory.episode)
    rows = len(episode)
    first = np.append(True, np.diff(episode) != 0)
    steps = np.ones(rows, dtype=bool)
    found: list[Clock] = []
    for level in sorted(trajectory.messages):
        ticks = array(trajectory.messages[level].ticks)
        anew = steps & (ticks == 1)
        starts = np.flatnonzero(steps)
        found.append(Clock(starts, ticks[starts] - 1, np.flatnonzero(anew), rows))
        steps = anew
    starts = np.flatnonzero(steps)
    since = np.maximum.accumulate(np.where(first[starts], np.arange(len(starts)), 0))
    numbers = np.arange(len(starts)) - since
    return [*found, Clock(starts, numbers, np.flatnonzero(first), rows)]
