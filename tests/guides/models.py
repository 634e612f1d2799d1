"""Models that the guides are tried on: each kind of site, structure and action."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyro_activeinf.models import GenerativeModel, LinearGaussian
from tests.kalman import System


def linear_gaussian(system: System) -> LinearGaussian:
    """The library's model of this system."""
    A, B, C, Q, R, mean, cov, offset = system
    return LinearGaussian(A, B, C, Q, R, mean, cov, offset=offset)


class Mixed(GenerativeModel):
    """Two discrete and three continuous sites, one of which is certain after the first step."""

    actions = gym.spaces.MultiDiscrete([2, 3])

    def initial(self) -> dict[str, Any]:
        mode = pyro.sample("mode", dist.Categorical(torch.ones(3) / 3))
        lit = pyro.sample("lit", dist.Bernoulli(torch.tensor(0.4)))
        place = pyro.sample("place", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        speed = pyro.sample("speed", dist.LogNormal(0.0, 0.5))
        share = pyro.sample("share", dist.Dirichlet(torch.ones(3)))
        return {"switches": (mode, lit), "body": [place, speed], "share": share}

    def transition(self, state: dict[str, Any], action: Tensor) -> dict[str, Any]:
        (mode, lit), (place, speed) = state["switches"], state["body"]
        turned = (mode + action[..., 0]) % 3
        mode = pyro.sample("mode", dist.Categorical(0.7 * torch.eye(3)[turned] + 0.1))
        lit = pyro.sample("lit", dist.Bernoulli(0.2 + 0.6 * lit))
        push = (speed * (action[..., 1] - 1)).unsqueeze(-1)
        place = pyro.sample("place", dist.Normal(place + push, 0.3).to_event(1))
        speed = pyro.sample("speed", dist.LogNormal(speed.log(), 0.1))
        share = pyro.sample("share", dist.Delta(state["share"], event_dim=1))
        return {"switches": (mode, lit), "body": [place, speed], "share": share}

    def observe(self, state: dict[str, Any]) -> None:
        (mode, lit), (place, speed) = state["switches"], state["body"]
        pyro.sample("seen", dist.Normal(place, 0.5 + lit.unsqueeze(-1)).to_event(1))
        pyro.sample("sign", dist.Categorical(0.8 * torch.eye(3)[mode] + 0.2 / 3))
        pyro.sample("pace", dist.Normal(speed, 0.2))
        pyro.sample("pick", dist.Categorical(state["share"]))


def mixed_data(batch: tuple[int, ...] = (4,), steps: int = 3) -> tuple[dict[str, Tensor], Tensor]:
    """An episode of ``Mixed``, with some of it missing."""
    moves = torch.stack(
        [torch.randint(2, (*batch, steps - 1)), torch.randint(3, (*batch, steps - 1))], -1
    )
    seen = torch.randn(*batch, steps, 2)
    seen[..., 1, :] = np.nan
    sign = torch.randint(3, (*batch, steps))
    sign[..., 0] = -1
    return {"seen": seen, "sign": sign, "pick": torch.randint(3, (*batch, steps))}, moves
