"""What lives in a world: it perceives, plans and acts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..records import PolicyPosterior


class Actor(ABC):
    """Perceives, plans and acts, in this order, step by step: what :func:`rollout` asks for."""

    @property
    @abstractmethod
    def observation_sites(self) -> tuple[str, ...]:
        """Names of what it can be shown."""

    @abstractmethod
    def reset(self, batch_shape: tuple[int, ...] = ()) -> None:
        """Forget the episode: the next observation is the first. Batched where asked."""

    @abstractmethod
    def finish(self) -> None:
        """The episode is over; the belief stays until :meth:`reset`."""

    @abstractmethod
    def perceive(self, observation: Mapping[str, Any], action: Any = None) -> Any:
        """Update the belief with an observation; returns the belief."""

    @abstractmethod
    def plan(self) -> PolicyPosterior:
        """Score policies from the present belief."""

    @abstractmethod
    def act(self) -> Tensor:
        """Choose an action ``(*batch)``."""

    @abstractmethod
    def action_probs(self, posterior: PolicyPosterior) -> Tensor:
        """Probabilities of the next action, ``(*batch, *controls)``."""
