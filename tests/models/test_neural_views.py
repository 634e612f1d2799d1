"""Views of a state, and actions as features."""

from __future__ import annotations

import gymnasium as gym
import pyro.distributions as dist
import torch

from pyro_activeinf.models.neural_views import action_features, action_width, perceptron, views


def test_kinds_of_views() -> None:
    space = gym.spaces.Dict({"a": gym.spaces.Discrete(3), "b": gym.spaces.Box(0, 1, (2, 2))})
    light, place = views(space, [4, 8])
    state = torch.randn(5, 4)
    assert isinstance(light(state), dist.Categorical)
    assert light(state).logits.shape == (5, 3)
    assert place(state).event_shape == (2, 2)
    assert place(state).batch_shape == (5,)
    (alone,) = views(gym.spaces.Discrete(2), [4])
    assert alone.name == "o"


def test_actions_as_features() -> None:
    pick, push = gym.spaces.Discrete(3), gym.spaces.Box(-1, 1, (2,))
    assert action_width(None) == 0
    assert (action_width(pick), action_width(push)) == (3, 2)
    assert action_features(pick, torch.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert action_features(push, torch.ones(5, 2)).shape == (5, 2)
    level = gym.spaces.Box(-1, 1, ())
    assert action_features(level, torch.tensor([0.5, 1.0])).tolist() == [[0.5], [1.0]]


def test_a_perceptron_ends_without_an_activation() -> None:
    layers = list(perceptron([2, 5, 3]))
    assert [type(layer).__name__ for layer in layers] == ["Linear", "SiLU", "Linear"]
