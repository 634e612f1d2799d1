"""When descent takes smaller steps, and when it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

LAST = 0.01  # of the rate at the first step

Stop = Callable[[Sequence[float]], bool]


class Settling:
    """Steps of one size while they lead down, then a third as many ever smaller ones.

    Large steps find the way, but shake the parameters about the minimum; small ones come to rest
    there. It depends on the losses alone, so that a run that goes on from a file settles where an
    uninterrupted one does.

    Args:
        steps: of both kinds, at most.
        stop: whether nothing is gained any more, given all losses so far; never where ``None``.

    Example:
        >>> settling = Settling(400, lambda losses: len(losses) == 30)
        >>> [n for n in range(100) if settling([0.0] * n)][0]
        40
        >>> [round(settling.rate(n), 3) for n in (0, 30, 35, 40)]
        [1.0, 1.0, 0.505, 0.01]
    """

    def __init__(self, steps: int, stop: Stop | None) -> None:
        self.stop, self._seen = stop, 0
        self.turn = max(1, steps - steps // 4)  # where steps become smaller
        self.end = steps

    def __call__(self, losses: Sequence[float]) -> bool:
        """Whether to end after these losses."""
        self._look(losses)
        return len(losses) >= self.end

    def rate(self, step: int) -> float:
        """By which the rate is multiplied."""
        if step <= self.turn:
            return 1.0
        small = max(1, self.end - self.turn)
        return max(LAST, 1.0 - (1.0 - LAST) * (step - self.turn) / small)

    def _look(self, losses: Sequence[float]) -> None:
        """Find the turn, in losses of an earlier run too."""
        for count in range(self._seen + 1, min(len(losses), self.turn - 1) + 1):
            self._seen = count
            seen = losses if count == len(losses) else losses[:count]
            if self.stop is not None and self.stop(seen):
                self.turn, self.end = count, min(self.end, count + max(1, count // 3))
                return
