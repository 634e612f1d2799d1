"""What a model samples from, told by running it."""

from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.filters.families import families, first_action
from pyro_activeinf.models import Corridor, TMaze


class Mixture:
    actions = None

    def initial(self) -> Any:
        mode = pyro.sample("mode", dist.Categorical(torch.ones(3) / 3))
        return mode, pyro.sample("x", dist.Normal(torch.zeros(2), 1.0).to_event(1))

    def transition(self, state: Any, action: None) -> Any:
        return (
            pyro.sample("mode", dist.Delta(state[0])),
            pyro.sample("x", dist.MultivariateNormal(state[1], torch.eye(2))),
        )

    def observe(self, state: Any) -> None:
        pyro.sample("heavy", dist.StudentT(3.0, state[1], 1.0).to_event(1))
        pyro.sample("flag", dist.Bernoulli(0.2 + 0.1 * state[0]))


def test_every_kind_of_site() -> None:
    found = families(Mixture())
    assert dict(found.sizes) == {"mode": 3, "flag": 2}
    assert found.gaussian == {"x"}
    assert dict(found.others) == {"heavy": "StudentT"}
    assert found.states == {"mode", "x"}
    assert found.joint_states == 3
    assert not found.all_discrete
    assert not found.all_gaussian


def test_models_of_one_kind() -> None:
    assert families(TMaze()).all_discrete
    assert families(Corridor()).all_gaussian


def test_a_program_that_breaks_is_read_up_to_there() -> None:
    class Broken(Mixture):
        def transition(self, state: Any, action: None) -> Any:
            raise IndexError

    found = families(Broken())
    assert set(found.sizes) | found.gaussian == {"mode", "x"}
    assert not found.others


@pytest.mark.parametrize(
    ("space", "shape"),
    [
        (None, None),
        (gym.spaces.Discrete(3), ()),
        (gym.spaces.MultiDiscrete([2, 3]), (2,)),
        (gym.spaces.Box(-1.0, 1.0, (2, 3)), (2, 3)),
    ],
)
def test_an_action_of_each_space(space: Any, shape: tuple[int, ...] | None) -> None:
    found = first_action(space)
    assert (None if found is None else tuple(found.shape)) == shape
    assert not isinstance(found, Tensor) or not found.any()
