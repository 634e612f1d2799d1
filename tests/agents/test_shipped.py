"""Worlds as Gymnasium ships them, their dynamics learned while one acts."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pyro
import pytest
import torch

from pyro_activeinf import Agent, rollout
from pyro_activeinf.filters import ObservedFilter, Pairs
from pyro_activeinf.learning import OnlineLearner
from pyro_activeinf.models import NeuralDynamics
from pyro_activeinf.planning import CrossEntropy, OpenLoop, Planner


def planner_for(space: gym.Space[Any], terms: Any) -> Planner:
    if isinstance(space, gym.spaces.Box):
        return CrossEntropy(5, samples=16, elites=4, iterations=2, terms=terms)
    return OpenLoop(5, policies=torch.randint(2, (16, 5)), precision=1.0, terms=terms)


@pytest.mark.parametrize("terms", [None, {"pragmatic"}, {"epistemic", "novelty"}])
@pytest.mark.parametrize("name", ["Pendulum-v1", "MountainCarContinuous-v0", "CartPole-v1"])
def test_an_agent_lives_in_it(name: str, terms: Any) -> None:
    pyro.set_rng_seed(0)
    env = gym.make(name)
    model = NeuralDynamics(
        env.observation_space,
        env.action_space,
        (16,),
        preferences=lambda seen: -seen.square().sum(-1),
    )
    agent = Agent(
        model,
        planner=planner_for(env.action_space, terms),
        filter=ObservedFilter(model, Pairs()),
        learner=OnlineLearner(model, steps=2),
    )
    run = rollout(agent, env, steps=14, progress=False)
    taken = run.actions[run.rewards.isfinite()]
    assert len(taken) == 14
    assert all(env.action_space.contains(env.action_space.dtype.type(u)) for u in taken.numpy())
    known = run.observations["o"].to(run.beliefs["s"])
    assert bool(((run.beliefs["s"] - known).abs() <= 5 * run.spread["s"]).all())
    assert bool(run.free_energy.total.isfinite().all())
