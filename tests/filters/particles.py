"""Programs and oracles that the tests of particles share."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import torch
from pyro.nn import PyroSample
from torch import Tensor

from pyro_activeinf import GenerativeModel
from pyro_activeinf.guides import RecognitionGuide
from pyro_activeinf.models import LinearGaussian
from tests.kalman import System


def linear(system: System, **more: Any) -> LinearGaussian:
    arrays = (system.A, system.B, system.C, system.Q, system.R, system.mean, system.cov)
    return LinearGaussian(*arrays, offset=system.offset, **more)


class BestProposal(RecognitionGuide):
    """q(s_t | s_{t-1}, u, o_t) = p(s_t | s_{t-1}, u, o_t) of a linear-Gaussian model."""

    def recognize(self, previous: Any, action: Any, observation: Any) -> Tensor:
        model = self.model
        if previous is None:
            mean, cov = model.mean, model.cov
        else:
            mean, cov = (model.A @ previous.unsqueeze(-1)).squeeze(-1), model.Q
            if action is not None:
                mean = mean + (model.B @ action.unsqueeze(-1)).squeeze(-1)
        if "o" not in observation:
            return pyro.sample("s", dist.MultivariateNormal(mean, cov))
        spread = model.C @ cov @ model.C.mT + model.R
        gain = cov @ model.C.mT @ torch.linalg.inv(spread)
        away = observation["o"] - (model.C @ mean.unsqueeze(-1)).squeeze(-1) - model.offset
        mean = mean + (gain @ away.nan_to_num(0.0).unsqueeze(-1)).squeeze(-1)
        return pyro.sample("s", dist.MultivariateNormal(mean, cov - gain @ model.C @ cov))


class Persistent(GenerativeModel):
    """s' = a s + noise, the coefficient a being random."""

    def __init__(self) -> None:
        super().__init__()
        self.a = PyroSample(dist.Normal(0.5, 0.3))

    def initial(self) -> Tensor:
        return pyro.sample("s", dist.Normal(1.0, 0.5))

    def transition(self, state: Tensor, action: None) -> Tensor:
        return pyro.sample("s", dist.Normal(self.a * state, 0.4))

    def observe(self, state: Tensor) -> None:
        pyro.sample("o", dist.Normal(state, 0.3))


class Pushed(GenerativeModel):
    """A nonlinear state that real-valued actions push, with a discrete and a real outcome."""

    actions = gym.spaces.Box(-2.0, 2.0, ())

    def initial(self) -> Tensor:
        return pyro.sample("s", dist.Normal(0.0, 1.0))

    def transition(self, state: Tensor, action: Tensor) -> Tensor:
        return pyro.sample("s", dist.Normal(state.sin() + action, 0.3))

    def observe(self, state: Tensor) -> None:
        scale = 0.2 + 0.1 * state.square()  # of its own for each particle
        pyro.sample("o", dist.Normal(state, scale))

    def prefer(self) -> None:
        pyro.sample("o", dist.Normal(1.0, 0.5))


class Chained(GenerativeModel):
    """Sites that depend on each other, in a dict; the second outcome on the first."""

    def initial(self) -> dict[str, Tensor]:
        kind = pyro.sample("kind", dist.Bernoulli(0.3))
        return {"kind": kind, "place": pyro.sample("place", dist.Normal(kind, 1.0))}

    def transition(self, state: dict[str, Tensor], action: None) -> dict[str, Tensor]:
        kind = pyro.sample("kind", dist.Bernoulli(0.8 * state["kind"] + 0.1))
        return {
            "kind": kind,
            "place": pyro.sample("place", dist.Normal(state["place"] + kind, 1.0)),
        }

    def observe(self, state: dict[str, Tensor]) -> None:
        seen = pyro.sample("seen", dist.Categorical(torch.eye(2)[state["kind"].long()] * 0.8 + 0.1))
        pyro.sample("reading", dist.Normal(state["place"] + seen, 0.5))


def log_normal(x: float, mean: float, variance: float) -> float:
    return -0.5 * ((x - mean) ** 2 / variance + math.log(2 * math.pi * variance))
