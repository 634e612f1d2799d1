"""Which filter is picked, and that it says why."""

import logging
from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.nn import PyroSample
from torch import Tensor

from pyro_activeinf import GenerativeModel
from pyro_activeinf.filters import ExactFilter, Filter, auto
from pyro_activeinf.models import Corridor, LinearGaussian, NeuralDynamics, TMaze


class Waiting(GenerativeModel):
    """A state that is positive."""

    def initial(self) -> Tensor:
        return pyro.sample("wait", dist.Gamma(torch.tensor(2.0), 1.0))

    def transition(self, state: Tensor, action: None) -> Tensor:
        return pyro.sample("wait", dist.Gamma(1.0 + state, 1.0))

    def observe(self, state: Tensor) -> None:
        pyro.sample("o", dist.Normal(state, 1.0))


class Switching(Waiting):
    """A discrete state, seen by a real number."""

    def initial(self) -> Tensor:
        return pyro.sample("mode", dist.Categorical(torch.ones(2) / 2))

    def transition(self, state: Tensor, action: None) -> Tensor:
        return pyro.sample("mode", dist.Categorical(torch.eye(2)[state]))

    def observe(self, state: Tensor) -> None:
        pyro.sample("o", dist.Normal(1.0 * state, 1.0))


class Drifting(Waiting):
    """A state with a discrete and a real part."""

    def initial(self) -> Any:
        mode = pyro.sample("mode", dist.Categorical(torch.ones(2) / 2))
        return mode, pyro.sample("x", dist.Normal(torch.tensor(0.0), 1.0))

    def transition(self, state: Any, action: None) -> Any:
        mode = pyro.sample("mode", dist.Categorical(torch.eye(2)[state[0]]))
        return mode, pyro.sample("x", dist.Normal(state[1] + mode, 1.0))

    def observe(self, state: Any) -> None:
        pyro.sample("o", dist.Normal(state[1], 1.0))


class Coins(GenerativeModel):
    """So many coins that their joint states are out of reach."""

    def initial(self) -> Any:
        return [pyro.sample(f"coin{i}", dist.Bernoulli(torch.tensor(0.5))) for i in range(16)]

    def transition(self, state: Any, action: None) -> Any:
        return [
            pyro.sample(f"coin{i}", dist.Bernoulli(0.1 + 0.8 * coin))
            for i, coin in enumerate(state)
        ]

    def observe(self, state: Any) -> None:
        for i, coin in enumerate(state):
            pyro.sample(f"seen{i}", dist.Bernoulli(0.2 + 0.6 * coin))


def learned() -> LinearGaussian:
    model = LinearGaussian(torch.eye(1))
    model.A = PyroSample(dist.Normal(torch.zeros(1, 1), 1.0).to_event(2))
    return model


def given() -> LinearGaussian:
    model = learned()
    model.A = torch.eye(1)
    return model


BOX = gym.spaces.Box(-1.0, 1.0, (2,))

PICKED = {
    "tables": (TMaze, "ExactFilter", "8 joint states fit into memory"),
    "many sites": (Coins, "FactorizedFilter", "6.55e+04 joint states do not fit"),
    "linear": (lambda: LinearGaussian(torch.eye(2)), "GaussianFilter", "beliefs are exact"),
    "noise": (Corridor, "GaussianFilter", "linearized at the mean of the belief"),
    "another family": (Waiting, "ParticleFilter", "site 'wait' is a Gamma"),
    "discrete states": (Switching, "HiddenMarkovFilter", "site 'o' is seen of it"),
    "mixed": (Drifting, "ParticleFilter", "'mode' is discrete and site 'o' is Gaussian"),
    "random parameter": (learned, "ParticleFilter", "A is random, and each particle draws its own"),
    "random parameter that was given": (given, "GaussianFilter", "beliefs are exact"),
    "learned world": (lambda: NeuralDynamics(BOX, BOX), "ObservedFilter", "an ensemble moves it"),
}


@pytest.mark.parametrize(("make", "name", "why"), PICKED.values(), ids=PICKED.keys())
def test_the_filter_and_its_reason(
    make: Any, name: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pyro_activeinf")
    found = auto(make())
    assert type(found).__name__ == name
    assert found.reason.startswith(f"{name}: ")
    assert why in found.reason
    assert caplog.messages == [found.reason]


def test_random_numbers_stay_as_they_were() -> None:
    state = torch.get_rng_state()
    auto(TMaze())
    auto(LinearGaussian(torch.eye(1)))
    assert torch.get_rng_state().equal(state)


def test_a_filter_that_was_made_by_hand_says_so() -> None:
    assert ExactFilter(TMaze()).reason == Filter.reason == "It was chosen by hand."


def test_a_faulty_program_is_told_by_the_filter_that_suits_its_sites() -> None:
    class Odd(Waiting):
        def initial(self) -> Tensor:
            return pyro.sample("wait", dist.Normal(torch.tensor(0.0), 1.0))

        def transition(self, state: Tensor, action: None) -> Tensor:
            return pyro.sample("wait", dist.Normal(state @ torch.eye(3), 1.0))

    with pytest.raises(ValueError, match="`transition` failed when run with batch dims"):
        auto(Odd())
    with pytest.raises(TypeError, match="Hand in an instance"):
        auto(TMaze)  # type: ignore[arg-type]


def test_discrete_states_that_real_actions_move_are_for_particles() -> None:
    class Pushed(Switching):
        actions = gym.spaces.Box(-1.0, 1.0, ())

        def transition(self, state: Tensor, action: Tensor) -> Tensor:  # type: ignore[override]
            return pyro.sample("mode", dist.Bernoulli(logits=action + state))

        def observe(self, state: Tensor) -> None:
            pyro.sample("o", dist.Bernoulli(0.2 + 0.6 * state))

    assert "real numbers" in auto(Pushed()).reason
    assert type(auto(Pushed())).__name__ == "ParticleFilter"
