"""When to stop early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from .._checks import nonnegative, positive_int


@dataclass(frozen=True)
class Plateau:
    r"""Stop where the free energy no longer falls: its mean over a window, beside the one before.

    .. math:: \bar F_{window - 1} - \bar F_{window} < tolerance

    It depends on the losses alone, so that a resumed run stops where an uninterrupted one does.

    Args:
        window: number of steps.
        tolerance: nats by which the mean has to fall.
        patience: windows in a row that may fail to.

    Raises:
        ValueError: for a window or patience below 1, or a tolerance below 0.

    Example:
        >>> falling, flat = [float(-t) for t in range(20)], [-20.0] * 20
        >>> stop = Plateau(window=10, tolerance=0.1)
        >>> stop(falling), stop(falling + flat)
        (False, True)
    """

    window: int = 100
    tolerance: float = 1e-3
    patience: int = 1

    def __post_init__(self) -> None:
        positive_int("window", self.window)
        positive_int("patience", self.patience)
        nonnegative("tolerance", self.tolerance)

    def __call__(self, losses: Sequence[float]) -> bool:
        """Whether to stop after these losses."""
        windows = self.patience + 1
        if len(losses) % self.window or len(losses) < windows * self.window:
            return False
        means = [self._mean(losses, back) for back in range(windows, 0, -1)]
        return all(means[0] - mean < self.tolerance for mean in means[1:])

    def _mean(self, losses: Sequence[float], back: int) -> float:
        start = len(losses) - back * self.window
        return fmean(losses[start : start + self.window])
