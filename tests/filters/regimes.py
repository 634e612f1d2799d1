"""Linear Gaussian systems of which one holds, as a program and as what is known of them."""

from __future__ import annotations

import gymnasium as gym
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyro_activeinf import GenerativeModel
from tests.kalman import System, random_system


def systems(count: int, seed: int = 0) -> list[System]:
    """So many systems of two numbers, that are seen, and pushed by one."""
    return [random_system(10 * seed + i, n=2, m=2, k=1) for i in range(count)]


class Regimes(GenerativeModel):
    """One of some systems: the state site ``regime`` stays, ``s`` moves."""

    actions: gym.Space | None = gym.spaces.Box(-1.0, 1.0, (1,))  # type: ignore[type-arg]

    def __init__(self, each: list[System], prior: Tensor, lasts: bool = True) -> None:
        super().__init__()
        self.prior, self.lasts = prior, lasts
        for name in ("A", "B", "C", "Q", "R", "mean", "cov", "offset"):
            stacked = [torch.from_numpy(getattr(one, name)) for one in each]
            self.register_buffer(name, torch.stack(stacked).to(prior.dtype))

    def initial(self) -> tuple[Tensor, Tensor]:
        c = pyro.sample("regime", dist.Categorical(self.prior))
        return c, pyro.sample("s", dist.MultivariateNormal(self.mean[c], self.cov[c]))

    def transition(self, state: tuple[Tensor, Tensor], action: Tensor) -> tuple[Tensor, Tensor]:
        c, s = state
        eye = torch.eye(len(self.prior)).to(self.prior)
        chances = eye[c] if self.lasts else self.prior.expand(eye[c].shape)
        c = pyro.sample("regime", dist.Categorical(chances))
        mean = (self.A[c] @ s[..., None] + self.B[c] @ action[..., None])[..., 0]
        return c, pyro.sample("s", dist.MultivariateNormal(mean, self.Q[c]))

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        c, s = state
        mean = (self.C[c] @ s[..., None])[..., 0] + self.offset[c]
        pyro.sample("o", dist.MultivariateNormal(mean, self.R[c]))

    def prefer(self) -> None:
        pyro.sample("o", dist.Normal(torch.zeros(2).to(self.prior), 1.0).to_event(1))
