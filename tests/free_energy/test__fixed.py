"""What SVI finds to train."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI
from pyro.nn import PyroModule, PyroParam
from torch import nn

from pyro_activeinf import ExpectedFreeEnergy
from pyro_activeinf.filters import ParticleFilter
from pyro_activeinf.free_energy import Gaussian
from pyro_activeinf.models import Ensemble, LinearGaussian, Neural


@pytest.fixture(params=[False, True], ids=["store", "local"])
def setting(request: pytest.FixtureRequest) -> Iterator[bool]:
    with pyro.settings.context(module_local_params=request.param):
        yield request.param


class Push(PyroModule):
    """An action whose mean and width are learned."""

    def __init__(self) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(1))
        self.Q = PyroParam(torch.tensor(1.0), dist.constraints.positive)  # a name of the model's

    def forward(self, belief: Any) -> None:
        pyro.sample("action_0", dist.Normal(self.loc, 0.1 * self.Q).to_event(1))


def linear() -> LinearGaussian:
    one = torch.eye(1)
    model = LinearGaussian(one, B=one, goal=torch.ones(1))
    model.A = nn.Parameter(model.A)
    model.Q = PyroParam(model.Q, dist.constraints.positive_definite)
    return model


def neural() -> Neural:
    return Neural(1, 1, gym.spaces.Box(-1.0, 1.0, (1,)), uncertainty=Ensemble(3))


@pytest.mark.parametrize("make", [linear, neural])
def test_the_guide_is_trained_and_the_world_is_not(make: Any, setting: bool) -> None:
    model, guide = make(), Push()
    belief = ParticleFilter(model, num_particles=20).initial()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    energy = ExpectedFreeEnergy(Gaussian(), num_policies=4)
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 0.1}), loss=energy)
    for _ in range(3):
        svi.step(belief)
    assert float(guide.loc.detach().abs().sum()) > 0.05
    assert float((guide.Q.detach() - 1.0).abs()) > 0.05
    for now, then in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(now.detach(), then, rtol=0, atol=0)
