"""What an agent remembers of the transitions that it has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .._checks import complain, positive_int


@dataclass(frozen=True)
class Transitions:
    """Observations before and after actions."""

    before: Tensor  # (*batch, n)
    action: Tensor  # (*batch, *event)
    after: Tensor  # (*batch, n)


class Replay:
    """The latest transitions, in a ring: once it is full, the oldest make room for new ones.

    Its memory is taken at the first transition, and never grows.

    Args:
        capacity: number of transitions that are kept.

    Raises:
        ValueError: for a capacity below one.

    Example:
        >>> replay = Replay(capacity=2)
        >>> for t in range(3):
        ...     now, then = torch.tensor([[1.0 * t]]), torch.tensor([[1.0 * t + 1]])
        ...     _ = replay.add(Transitions(now, torch.tensor([0]), then))
        >>> len(replay), replay.seen, sorted(replay.all().before.flatten().tolist())
        (2, 3, [1.0, 2.0])
    """

    def __init__(self, capacity: int = 100_000) -> None:
        self.capacity = positive_int("capacity", capacity)
        self.seen = 0
        self._held: Transitions | None = None

    def __len__(self) -> int:
        """Number of transitions that are held."""
        return min(self.seen, self.capacity)

    def add(self, new: Transitions) -> int:
        """Add rows ``(rows, ..)``, but for those with missing values; returns how many."""
        known = ~(new.before.isnan().any(-1) | new.after.isnan().any(-1))
        rows = [x[known][-self.capacity :] for x in (new.before, new.action, new.after)]
        count = len(rows[0])
        if self._held is None:
            self._held = Transitions(*(x.new_zeros(self.capacity, *x.shape[1:]) for x in rows))
        places = (self.seen + torch.arange(count)) % self.capacity
        for kept, x in zip(self._columns(), rows, strict=True):
            kept[places] = x.detach().to(kept)
        self.seen += count
        return count

    def _columns(self) -> tuple[Tensor, Tensor, Tensor]:
        if self._held is None:
            raise ValueError(complain("replay", "at least one transition", "none"))
        return self._held.before, self._held.action, self._held.after

    def all(self) -> Transitions:
        """Every transition that is held, ``(rows, ..)``.

        Raises:
            ValueError: where there is none.
        """
        return Transitions(*(x[: len(self)] for x in self._columns()))

    def draw(self, shape: tuple[int, ...], generator: torch.Generator | None = None) -> Transitions:
        """Transitions drawn with replacement, ``(*shape, ..)``.

        Raises:
            ValueError: where there is none.
        """
        columns = self._columns()
        index = torch.randint(len(self), shape, generator=generator)
        return Transitions(*(x[index] for x in columns))

    def state_dict(self) -> dict[str, Any]:
        """What to keep in a file."""
        held = None if self._held is None else [x.clone() for x in self._columns()]
        return {"capacity": self.capacity, "seen": self.seen, "held": held}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Bring back what :meth:`state_dict` returned.

        Raises:
            ValueError: for a replay of another capacity.
        """
        if state["capacity"] != self.capacity:
            raise ValueError(complain("capacity", str(state["capacity"]), self.capacity))
        held = state["held"]
        self._held = None if held is None else Transitions(*(x.clone() for x in held))
        self.seen = int(state["seen"])
