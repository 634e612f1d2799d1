"""What a measurement has to reach."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from .._checks import readable_bytes
from .sample import readable_seconds


class Bar(ABC):
    """A condition on our number, beside the peer's where there is one."""

    @abstractmethod
    def __str__(self) -> str:
        """The condition in a few signs."""

    @abstractmethod
    def reached(self, ours: float, peer: float | None) -> bool | None:
        """Whether the condition holds; ``None`` where it cannot be told without the peer."""


@dataclass(frozen=True)
class Ratio(Bar):
    """The peer takes at least so many times as much (time, memory).

    Example:
        >>> bar = Ratio(15)
        >>> str(bar), bar.reached(1.0, 20.0), bar.reached(1.0, None)
        ('>= 15x', True, None)
    """

    least: float

    def __str__(self) -> str:
        """The condition in a few signs."""
        return f">= {self.least:g}x"

    def reached(self, ours: float, peer: float | None) -> bool | None:
        """Whether the peer's number is that many times ours."""
        return None if peer is None else peer >= self.least * ours


@dataclass(frozen=True)
class AtMost(Bar):
    """Our number of bytes stays below a limit, whatever the peer's is.

    Example:
        >>> bar = AtMost(2**20)
        >>> str(bar), bar.reached(4096.0, None)
        ('<= 1.0 MiB', True)
    """

    most: float  # bytes

    def __str__(self) -> str:
        """The condition in a few signs."""
        return f"<= {readable_bytes(self.most)}"

    def reached(self, ours: float, peer: float | None) -> bool:
        """Whether ours is below the limit."""
        return ours <= self.most


@dataclass(frozen=True)
class Within(Bar):
    """Our time stays below a limit, whatever the peer's is.

    Example:
        >>> bar = Within(0.06)
        >>> str(bar), bar.reached(0.05, None)
        ('<= 60 ms', True)
    """

    most: float  # seconds

    def __str__(self) -> str:
        """The condition in a few signs."""
        return f"<= {readable_seconds(self.most)}"

    def reached(self, ours: float, peer: float | None) -> bool:
        """Whether ours is below the limit."""
        return ours <= self.most
