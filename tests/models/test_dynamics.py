"""A world model of a fully observed world."""

from __future__ import annotations

import gymnasium as gym
import pytest
import torch
from pyro import poutine
from torch.distributions import Normal

from pyro_activeinf.models import Certain, Ensemble, LogDensity, NeuralDynamics

BOX = gym.spaces.Box(-1.0, 1.0, (2,))
PUSH = gym.spaces.Box(torch.tensor([0.0]).numpy(), torch.tensor([4.0]).numpy())


def dynamics(actions: gym.Space = PUSH, **options: object) -> NeuralDynamics:  # type: ignore[type-arg]
    model = NeuralDynamics(BOX, actions, (8,), Ensemble(3), **options)  # type: ignore[arg-type]
    model.calibrate(torch.randn(50, 2) * 2 + 1, torch.randn(50, 2))
    return model


@pytest.mark.parametrize("actions", [PUSH, gym.spaces.Discrete(3)])
def test_surprise_is_that_of_the_program(actions: gym.Space) -> None:  # type: ignore[type-arg]
    model = dynamics(actions)
    before, after = torch.randn(2, 3, 5, 2)
    action = torch.rand(3, 5, 1) if actions is PUSH else torch.randint(3, (3, 5))
    found = model.surprise(before, action, after)
    for k in range(3):
        known = {"dynamics.member": torch.tensor(k), "s": after[k]}
        conditioned = poutine.condition(model.transition, data=known)
        trace = poutine.trace(conditioned).get_trace(before[k], action[k])
        trace.compute_log_prob()
        expected = -trace.nodes["s"]["log_prob"]
        torch.testing.assert_close(found[k], expected, atol=1e-10, rtol=0)


def test_networks_meet_numbers_of_size_one() -> None:
    model, states = dynamics(), torch.randn(500, 2) * 30 - 7
    model.calibrate(states, states + 0.1 * torch.randn(500, 2))
    shown = model.inputs(states, torch.full((500, 1), 4.0))
    torch.testing.assert_close(shown[:, :2].mean(0), torch.zeros(2), atol=1e-9, rtol=0)
    torch.testing.assert_close(shown[:, :2].std(0, unbiased=False), torch.ones(2))
    assert bool((shown[:, 2] == 1.0).all())  # the upper bound of the push
    model.calibrate(torch.ones(3, 2), torch.ones(3, 2))  # nothing moves: no division by zero
    assert bool(model.inputs(torch.ones(1, 2), torch.zeros(1, 1)).isfinite().all())


def test_preferences_are_a_distribution_or_a_function() -> None:
    wanted = Normal(torch.zeros(2), 1.0)
    as_function = dynamics(preferences=lambda o: -o.square().sum(-1))
    trace = poutine.trace(as_function.prefer)
    assert isinstance(as_function.preferences, LogDensity)
    with pytest.raises(NotImplementedError, match="`preferences`"):
        trace.get_trace()
    known = poutine.condition(as_function.prefer, data={"o": torch.tensor([1.0, 2.0])})
    assert float(poutine.trace(known).get_trace().log_prob_sum()) == -5.0
    assert dynamics(preferences=wanted).preferences is wanted
    assert "o" not in poutine.trace(dynamics().prefer).get_trace().nodes


def test_what_does_not_fit_is_explained() -> None:
    with pytest.raises(ValueError, match=r"`observations`.*Box of shape \(n,\)"):
        NeuralDynamics(gym.spaces.Discrete(3), PUSH)
    with pytest.raises(ValueError, match="`actions`"):
        NeuralDynamics(BOX, gym.spaces.MultiBinary(2))
    with pytest.raises(ValueError, match="`sensor`"):
        NeuralDynamics(BOX, PUSH, sensor=0.0)
    with pytest.raises(TypeError, match="`uncertainty`"):
        NeuralDynamics(BOX, PUSH, uncertainty=Certain())  # type: ignore[arg-type]
