"""What learns while an agent acts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..filters import Filter
from ..records import Belief


@dataclass(frozen=True)
class Experience:
    """One observation, how one came to it, and what one believes after it."""

    filter: Filter
    action: Tensor | None  # that led here, (*batch, *event); None at first, or without actions
    observation: Mapping[str, Any]  # site: (*batch, *event)
    belief: Belief  # q(s_t | o_{<=t}), (*batch)

    @property
    def first(self) -> bool:
        """Whether an episode starts here."""
        return self.belief.step == 0


class Learner(ABC):
    """Changes a model by what an agent goes through."""

    @abstractmethod
    def check(self, filter: Filter) -> None:
        """Refuse a filter that it cannot learn beside; agents ask when they are made.

        Raises:
            ValueError: where it cannot.
        """

    @abstractmethod
    def experience(self, step: Experience) -> None:
        """Take in an observation; the model may be another one afterwards."""

    @abstractmethod
    def finish(self) -> None:
        """Take in that the episode is over."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """All that learning goes on from: tensors and plain values."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
