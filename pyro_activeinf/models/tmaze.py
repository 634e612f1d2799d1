"""The T-maze as a generative program."""

from __future__ import annotations

import gymnasium as gym
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from .._checks import complain
from .base import GenerativeModel
from .preferences import LogPreferences

CENTER, LEFT, RIGHT, CUE = range(4)


class TMaze(GenerativeModel):
    """Gamble on one of two arms, or look at the cue first.

    The model of the world ``pyro_activeinf/TMaze-v0``. State sites: ``context`` (0 the reward is
    left, 1 right) and ``location`` (center, left, right, cue); observation sites: ``position``
    (the location, and at the cue what it says) and ``reward`` (nothing, reward, loss).

    Args:
        validity: probability of a reward in the baited arm.
        reward: log-preference of a reward, in nats.
        loss: log-preference of a loss, in nats.

    Raises:
        ValueError: where ``validity`` is not a probability.

    Reference: Friston, FitzGerald, Rigoli, Schwartenbeck and Pezzulo (2017), "Active inference: a
    process theory", Neural Computation 29; preferences of SPM12's ``DEM_demo_MDP_X`` (r6652).

    Example:
        >>> [tuple(a.shape) for a in TMaze().to_arrays().B]
        [(2, 2, 1), (4, 4, 4)]
    """

    actions = gym.spaces.Discrete(4)

    def __init__(self, validity: float = 0.98, reward: float = 3.0, loss: float = -3.0) -> None:
        super().__init__()
        if not 0 <= validity <= 1:
            raise ValueError(complain("validity", "a probability", validity))
        outcome = torch.zeros(2, 4, 3)
        outcome[:, [CENTER, CUE], 0] = 1.0
        for context, arm in ((0, LEFT), (1, RIGHT)):
            other = RIGHT if arm == LEFT else LEFT
            outcome[context, arm, 1:] = torch.tensor([validity, 1 - validity])
            outcome[context, other, 1:] = torch.tensor([1 - validity, validity])
        self.register_buffer("outcome", outcome)
        self.register_buffer("preference", torch.tensor([0.0, reward, loss]))

    def initial(self) -> tuple[Tensor, Tensor]:
        """A reward in either arm; the trial starts at the center."""
        context = pyro.sample("context", dist.Categorical(self._like([0.5, 0.5])))
        location = pyro.sample("location", dist.Categorical(self._like([1.0, 0.0, 0.0, 0.0])))
        return context, location

    def transition(self, state: tuple[Tensor, Tensor], action: Tensor) -> tuple[Tensor, Tensor]:
        """The context stays; one moves where one wants, but does not leave an arm."""
        context, location = state
        context = pyro.sample("context", dist.Categorical(self._eye(2)[context]))
        in_arm = (location == LEFT) | (location == RIGHT)
        location = pyro.sample(
            "location", dist.Categorical(self._eye(4)[torch.where(in_arm, location, action)])
        )
        return context, location

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        """Where one is, what the cue says, and what the arm holds."""
        context, location = state
        seen = torch.where(location == CUE, CUE + context, location)
        pyro.sample("position", dist.Categorical(self._eye(5)[seen]))
        pyro.sample("reward", dist.Categorical(self.outcome[context, location]))

    def prefer(self) -> None:
        """A reward rather than nothing, nothing rather than a loss."""
        pyro.sample("reward", LogPreferences(self.preference))

    def _like(self, values: list[float]) -> Tensor:
        return torch.tensor(values).to(self.outcome)

    def _eye(self, size: int) -> Tensor:
        return torch.eye(size).to(self.outcome)
