"""What networks are given: one-hot or real features, flags for what is missing, any structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import pytest
import torch
from torch import Tensor

from pyro_activeinf.guides.networks import (
    StateEncoder,
    StepEncoder,
    action_quantities,
    concatenated,
    leaves,
    perceptron,
)
from pyro_activeinf.models import Tiger
from tests.guides.models import Mixed


def test_features_of_a_step() -> None:
    encoder = StepEncoder(Mixed())
    seen = {
        "seen": torch.tensor([[1.0, 2.0], [torch.nan, torch.nan]]),
        "sign": torch.tensor([2, -1]),
    }
    found = encoder(torch.tensor([1, 0]), seen)
    place = [[1.0, 2.0, 1.0], [0.0, 0.0, 0.0]]
    sign = [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
    nothing = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]  # pace and pick were not seen
    action = [0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0]
    expected = [[*p, *s, *nothing, *action] for p, s in zip(place, sign, strict=True)]
    assert torch.equal(found, torch.tensor(expected))
    assert encoder.width == found.shape[-1]


def test_without_anything_features_are_zeros() -> None:
    encoder = StepEncoder(Tiger())
    assert torch.equal(encoder(None, {}), torch.zeros(encoder.width))


def test_features_of_a_state_of_any_structure() -> None:
    model = Mixed()
    encoder = StateEncoder(model)
    state = model.initial()
    found = encoder(state)
    assert found.shape == (encoder.width,) == (3 + 2 + 2 + 1 + 3,)
    assert found[:3].argmax() == state["switches"][0]
    assert torch.equal(found[5:7], state["body"][0])
    assert torch.equal(encoder(None), torch.zeros(11))


@dataclass
class Pair:
    left: Tensor
    right: Any


def test_leaves_in_order() -> None:
    one, two, three = (torch.tensor(i) for i in range(3))
    assert list(leaves(Pair(one, [{"a": two}, (three,)]))) == [one, two, three]
    assert list(leaves(None)) == []


def test_broadcast_side_by_side() -> None:
    found = concatenated([torch.ones(4, 1, 2), torch.zeros(3, 1), torch.ones(1)])
    assert found.shape == (4, 3, 4)
    assert found[0, 0].tolist() == [1.0, 1.0, 0.0, 1.0]


def test_actions_of_other_kinds() -> None:
    assert [kind.width for kind in action_quantities(gym.spaces.Box(-1, 1, (2, 2)))] == [4]
    assert action_quantities(None) == []
    with pytest.raises(ValueError, match="`actions`: expected None, Discrete"):
        action_quantities(gym.spaces.Text(3))


def test_a_perceptron_without_layers_is_the_identity() -> None:
    network, width = perceptron(5, [])
    assert width == 5
    assert torch.equal(network(torch.arange(5.0)), torch.arange(5.0))
