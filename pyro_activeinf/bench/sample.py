"""Repeated measurements of one quantity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import median, quantiles
from typing import Any

from .._checks import readable_bytes


def readable_seconds(seconds: float) -> str:
    """Write a duration with a unit.

    Example:
        >>> readable_seconds(12.3), readable_seconds(0.0123), readable_seconds(4.56e-05)
        ('12.3 s', '12.3 ms', '45.6 us')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


READABLE = {"seconds": readable_seconds, "bytes": readable_bytes}


@dataclass(frozen=True)
class Sample:
    """Measurements of one quantity, in ``seconds`` or ``bytes``.

    One that was read from a file has its quartiles for values, and ``count`` says of how many.

    Example:
        >>> sample = Sample("seconds", (0.3, 0.1, 0.2))
        >>> sample.median, str(sample)
        (0.2, '200 ms')
    """

    unit: str
    values: tuple[float, ...]
    count: int | None = None

    @cached_property
    def median(self) -> float:
        """The middle value."""
        return median(self.values)

    def __str__(self) -> str:
        """The median with its unit."""
        return READABLE[self.unit](self.median)

    def to_json(self) -> dict[str, Any]:
        """Median, quartiles and number of measurements."""
        several = len(self.values) > 1
        low, _, high = quantiles(self.values, n=4) if several else [self.median] * 3
        return {
            "unit": self.unit,
            "median": self.median,
            "quartiles": [low, high],
            "measurements": len(self.values) if self.count is None else self.count,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Sample:
        """The sample of plain values: it has the same median and quartiles.

        Example:
            >>> few = Sample("seconds", (0.3, 0.1, 0.2, 0.4)).to_json()
            >>> Sample.from_json(few).to_json() == few
            True
        """
        low, high = content["quartiles"]
        values = (low, content["median"], high)
        return cls(content["unit"], values, content["measurements"])
