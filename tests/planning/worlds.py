"""The tiger problem of Kaelbling, Littman and Cassandra (1998), as a program."""

import gymnasium as gym
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyro_activeinf.models import GenerativeModel, LogPreferences


class Tiger(GenerativeModel):
    """Listen (0), open the left door (1) or the right one (2); a growl is heard rightly in 85 %."""

    actions = gym.spaces.Discrete(3)

    def initial(self) -> tuple[Tensor, Tensor]:
        tiger = pyro.sample("tiger", dist.Categorical(torch.ones(2) / 2))
        return tiger, pyro.sample("door", dist.Categorical(torch.tensor([1.0, 0.0, 0.0])))

    def transition(self, state: tuple[Tensor, Tensor], action: Tensor) -> tuple[Tensor, Tensor]:
        tiger, door = state
        replaced = (door > 0)[..., None]
        where = torch.where(replaced, 0.5, torch.eye(2)[tiger])
        tiger = pyro.sample("tiger", dist.Categorical(where))
        return tiger, pyro.sample("door", dist.Categorical(torch.eye(3)[action]))

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        tiger, door = state
        heard = torch.tensor([[0.85, 0.15], [0.15, 0.85]])[tiger]
        growl = torch.where((door == 0)[..., None], heard, 0.5)
        pyro.sample("growl", dist.Categorical(growl))
        found = torch.where(door == 0, 0, torch.where(door - 1 == tiger, 2, 1))
        pyro.sample("outcome", dist.Categorical(torch.eye(3)[found]))

    def prefer(self) -> None:
        pyro.sample("outcome", LogPreferences(torch.tensor([-1.0, 10.0, -100.0])))
