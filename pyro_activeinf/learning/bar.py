"""The progress bar."""

from __future__ import annotations

from itertools import islice
from statistics import fmean
from time import perf_counter
from typing import Any

from tqdm.auto import tqdm

from .compilation import Compiled
from .run import Recorder

PAUSE = 0.1  # seconds from one text to the next
RECENT = 20  # steps that F is the mean of


class Bar:
    """Shows how far the steps are, and F with its parts.

    Args:
        steps: of the whole run.
        done: before this start.
        shown: whether to show anything.
    """

    def __init__(self, steps: int, done: int, shown: bool) -> None:
        self._bar: Any = tqdm(
            total=steps, initial=done, disable=not shown, unit=" step", desc="fit"
        )
        self._shown = 0.0
        self._record = Recorder()

    def update(self, record: Recorder) -> None:
        """A step more."""
        if self._bar.disable:
            return
        now, self._record = perf_counter(), record
        if now - self._shown > PAUSE:
            self._shown = now
            self._bar.set_postfix_str(text(record), refresh=False)
        self._bar.update()

    def compiled(self, compiled: Compiled) -> None:
        """Say how long compiling took."""
        if not (self._bar.disable or compiled.reason):
            self._bar.write(f"fit: compiled in {compiled.seconds:.1f} s")

    def close(self) -> None:
        """Leave the last state on the screen."""
        if self._record.losses:
            self._bar.set_postfix_str(text(self._record))
        self._bar.close()


def text(record: Recorder) -> str:
    """F of the last steps; complexity and accuracy beside the step, counted from 0, and its F.

    Example:
        >>> text(Recorder([3.0, 1.0], evaluated=[0], complexity=[0.5], accuracy=[-2.5]))
        'F=2 | step 0: F=3, complexity=0.5, accuracy=-2.5'
    """
    now = _worded(F=fmean(islice(reversed(record.losses), RECENT)))
    if not record.complexity:
        return now
    complexity, accuracy = record.complexity[-1], record.accuracy[-1]
    then = _worded(F=complexity - accuracy, complexity=complexity, accuracy=accuracy)
    return f"{now} | step {record.evaluated[-1]}: {then}"


def _worded(**values: float) -> str:
    return ", ".join(f"{name}={value:.4g}" for name, value in values.items())
