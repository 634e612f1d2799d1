"""The tiger problem as a generative program."""

from __future__ import annotations

from collections.abc import Sequence

import gymnasium as gym
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ._arguments import numbers, probability
from .base import GenerativeModel
from .preferences import LogPreferences

LISTENED, OPENED_LEFT, OPENED_RIGHT, UNTOUCHED = range(4)
NOTHING, GOLD, TIGER = range(3)


class Tiger(GenerativeModel):
    r"""Listen as often as it pays, then open one of two doors: one hides a tiger, the other gold.

    The model of the world ``pyro_activeinf/Tiger-v0``. State sites: ``tiger`` (0 left, 1 right) and
    ``door`` (what the last action was: 0 listened, 1 opened the left one, 2 the right one, 3
    nothing was done yet); observation sites: ``growl`` (0 from the left, 1 from the right, right
    with probability ``accuracy`` after listening and uniform otherwise) and ``outcome`` (nothing,
    gold, tiger). After a door was opened, the tiger is placed anew. Outcomes are preferred in
    proportion to their rewards,

    .. math:: \log \tilde p(o^{\text{outcome}}) = \beta \, r(o^{\text{outcome}}),

    so that pragmatic value is expected return times ``reward_scale``. Actions: 0 listen, 1 open
    the left door, 2 open the right door.

    Args:
        accuracy: probability that a growl is heard from where the tiger is.
        rewards: for the outcomes nothing, gold and tiger.
        reward_scale: beta, nats per unit of reward.

    Raises:
        ValueError: for an accuracy outside of [0, 1], or rewards that are not three numbers.

    Reference: Kaelbling, Littman and Cassandra (1998), "Planning and acting in partially observable
    stochastic domains", Artificial Intelligence 101.

    Example:
        >>> import math
        >>> from pyro_activeinf.filters import ExactFilter
        >>> from pyro_activeinf.planning import Sophisticated
        >>> filter = ExactFilter(Tiger())
        >>> planner = Sophisticated(3, precision=math.inf, terms={"pragmatic"})
        >>> posterior = planner(filter, filter.initial())
        >>> round(-posterior.expected_free_energy.min().item(), 2)
        2.72
    """

    actions = gym.spaces.Discrete(3)

    def __init__(
        self,
        accuracy: float = 0.85,
        rewards: Sequence[float] = (-1.0, 10.0, -100.0),
        reward_scale: float = 1.0,
    ) -> None:
        super().__init__()
        right = probability("accuracy", accuracy)
        self.register_buffer("heard", torch.tensor([[right, 1 - right], [1 - right, right]]))
        self.register_buffer("rewards", numbers("rewards", rewards, ("nothing", "gold", "tiger")))
        self.reward_scale = reward_scale

    def initial(self) -> tuple[Tensor, Tensor]:
        """The tiger is behind either door; no door was touched."""
        tiger = pyro.sample("tiger", dist.Categorical(self._like([0.5, 0.5])))
        return tiger, pyro.sample("door", dist.Categorical(self._eye(4)[UNTOUCHED]))

    def transition(self, state: tuple[Tensor, Tensor], action: Tensor) -> tuple[Tensor, Tensor]:
        """The tiger stays, unless its door or the other one was opened."""
        tiger, door = state
        placed = torch.where(_opened(door)[..., None], 0.5, self._eye(2)[tiger])
        tiger = pyro.sample("tiger", dist.Categorical(placed))
        return tiger, pyro.sample("door", dist.Categorical(self._eye(4)[action]))

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        """What is heard, and what an open door shows."""
        tiger, door = state
        growl = torch.where((door == LISTENED)[..., None], self.heard[tiger], 0.5)
        pyro.sample("growl", dist.Categorical(growl))
        behind = torch.where(door - OPENED_LEFT == tiger, TIGER, GOLD)
        outcome = torch.where(_opened(door), behind, NOTHING)
        pyro.sample("outcome", dist.Categorical(self._eye(3)[outcome]))

    def prefer(self) -> None:
        """Outcomes, in proportion to their rewards."""
        pyro.sample("outcome", LogPreferences(self.reward_scale * self.rewards))

    def _like(self, values: list[float]) -> Tensor:
        return torch.tensor(values).to(self.heard)

    def _eye(self, size: int) -> Tensor:
        return torch.eye(size).to(self.heard)


def _opened(door: Tensor) -> Tensor:
    return (door == OPENED_LEFT) | (door == OPENED_RIGHT)
