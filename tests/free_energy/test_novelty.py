"""Information about parameters, against closed forms and the ensemble's own disagreement."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.nn import PyroSample
from torch import Tensor

from pyro_activeinf import ExpectedFreeEnergy, GenerativeModel
from pyro_activeinf.filters import ParticleFilter
from pyro_activeinf.free_energy import Gaussian, ParameterDraws
from pyro_activeinf.guides import MeanField
from pyro_activeinf.models import Ensemble, Neural


class Drift(GenerativeModel):
    """An action moves the state by theta times itself: nothing is learned by doing nothing."""

    actions = gym.spaces.Box(-9.0, 9.0, ())

    def __init__(self) -> None:
        super().__init__()
        self.theta = PyroSample(dist.Normal(0.0, 1.0))

    def initial(self) -> Tensor:
        return pyro.sample("s", dist.Normal(0.0, 0.1))

    def transition(self, s: Tensor, action: Tensor) -> Tensor:
        theta: Any = self.theta
        return pyro.sample("s", dist.Normal(s + theta * action, 0.5))

    def observe(self, s: Tensor) -> None:
        pyro.sample("o", dist.Normal(s, 0.1))


class Switch(Drift):
    """Two hypotheses that are far apart."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = PyroSample(dist.Categorical(torch.tensor([0.25, 0.75])))


def novelty(model: Any, guide: Any, actions: list[float], particles: int) -> Any:
    belief = ParticleFilter(model, num_particles=particles).initial()
    policies = torch.tensor(actions)[:, None]
    return ExpectedFreeEnergy(Gaussian()).decompose(model, guide, belief, policies)


def test_of_a_discrete_parameter_all_values_are_compared() -> None:
    terms = novelty(Switch(), None, [0.0, 9.0], 4000)
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    errors = terms.standard_error["novelty"].squeeze(-1)
    assert terms.novelty[0, 0] == pytest.approx(0.0, abs=1e-12)
    assert float(terms.novelty[1, 0]) == pytest.approx(entropy, abs=3 * float(errors[1]))
    worth = terms.pragmatic + terms.epistemic + terms.novelty
    torch.testing.assert_close(terms.total, -worth, rtol=0, atol=1e-9)
    parts = terms.risk + terms.ambiguity - terms.novelty
    torch.testing.assert_close(terms.total, parts, rtol=0, atol=1e-9)


def test_of_a_real_parameter_by_draws_a_little_too_low() -> None:
    terms = novelty(Drift(), None, [0.0, 1.0], 4000)
    truth = 0.5 * math.log(1 + 1 / 0.25)
    assert terms.novelty[0, 0] == pytest.approx(0.0, abs=1e-12)
    assert truth - 0.25 < float(terms.novelty[1, 0]) < truth + 0.02


def test_a_guide_tells_what_is_known_of_a_parameter() -> None:
    model = Drift()
    guide = MeanField(model)
    assert guide.random_parameters is not None
    for numbers in guide.random_parameters.parameters():
        numbers.data.copy_(torch.tensor([0.0, -9.0]))  # known exactly
    draws = ParameterDraws.of(model, guide, 8)
    assert draws is not None
    assert not draws.complete
    assert draws.values["theta"].std() < 1e-3


def test_as_the_disagreement_of_an_ensemble() -> None:
    model = Neural(2, 1, gym.spaces.Box(-1.0, 1.0, (1,)), uncertainty=Ensemble(4))
    with torch.no_grad():
        for parameter in model.dynamics.parameters():
            parameter.mul_(3.0)
    belief = ParticleFilter(model, num_particles=4000).initial()
    action = torch.tensor([0.7])
    terms = ExpectedFreeEnergy(Gaussian()).decompose(model, None, belief, action.reshape(1, 1, 1))
    with torch.no_grad():
        theirs = model.novelty(belief.states["s"], action.expand(4000, 1)).mean()
    error = float(terms.standard_error["novelty"])
    assert float(theirs) > 0.02
    assert float(terms.novelty.detach()) == pytest.approx(float(theirs), abs=4 * error)


def test_draws_of_different_numbers() -> None:
    with pytest.raises(ValueError, match="`parameters`: expected as many draws of each site"):
        ParameterDraws.drawn({"a": torch.zeros(2), "b": torch.zeros(3)})
    assert ParameterDraws.of(Plain()) is None


class Plain(Drift):
    """No random parameter."""

    def __init__(self) -> None:
        GenerativeModel.__init__(self)
        self.theta = 1.0
