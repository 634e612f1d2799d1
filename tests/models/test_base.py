"""The base class: what a subclass has to define, and the states it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import Tensor, nn

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import GenerativeModel, TMaze


@dataclass
class Body:
    """A state of a person's own making."""

    head: Tensor
    limbs: dict[str, tuple[Tensor, ...]]


class Puppet(GenerativeModel):
    """A nested state: its structure is the three programs' own affair."""

    actions = gym.spaces.Discrete(2)

    def __init__(self) -> None:
        super().__init__()
        self.turn = nn.Parameter(torch.tensor([0.3, 0.6]))

    def initial(self) -> Body:
        head = pyro.sample("head", dist.Categorical(torch.tensor([0.2, 0.3, 0.5])))
        left = pyro.sample("left", dist.Bernoulli(torch.tensor(0.4)))
        return Body(head, {"arms": (left, 1 - left)})

    def transition(self, state: Body, action: Tensor) -> Body:
        head = pyro.sample("head", dist.Categorical(torch.eye(3)[(state.head + action) % 3]))
        left, _ = state.limbs["arms"]
        after = pyro.sample("left", dist.Bernoulli((left - self.turn[action]).abs()))
        return Body(head, {"arms": (after, 1 - after)})

    def observe(self, state: Body) -> None:
        _, right = state.limbs["arms"]
        chance = 0.1 + 0.2 * state.head + 0.3 * right
        pyro.sample("seen", dist.Bernoulli(chance))


def test_a_model_has_to_define_its_three_programs() -> None:
    with pytest.raises(TypeError, match=r"abstract.*initial.*observe.*transition"):
        GenerativeModel()  # type: ignore[abstract]


def test_a_model_is_a_module() -> None:
    model = Puppet()
    assert [name for name, _ in model.named_parameters()] == ["turn"]
    assert not hasattr(GenerativeModel, "prefer")
    assert not hasattr(GenerativeModel, "habit")
    assert GenerativeModel.actions is None


def test_state_is_the_structure_with_these_values() -> None:
    values = {"head": torch.tensor([0, 2]), "left": torch.tensor([1.0, 0.0])}
    with poutine.trace() as tracer:
        state = Puppet().state(values)
    assert state.head is values["head"]
    assert state.limbs["arms"][1].tolist() == [0, 1]
    assert list(tracer.trace.nodes) == []


def test_any_structure_of_the_state_will_do() -> None:
    model = Puppet()
    states = model({"seen": torch.tensor([[1.0, 0.0, 1.0]])}, torch.tensor([0, 1]))
    assert [type(state) for state in states] == [Body] * 3
    exact = ExactFilter(model)
    belief = exact.update(exact.predict(exact.initial(), 1), {"seen": 1})
    # by hand: p(head' = (head + 1) % 3), p(left' | left, u = 1), p(seen | head', left')
    head = torch.tensor([0.5, 0.2, 0.3])
    left = 0.4 * (1 - 0.6) + 0.6 * 0.6
    chance = 0.1 + 0.2 * torch.arange(3)[:, None] + 0.3 * torch.tensor([1.0, 0.0])
    joint = head[:, None] * torch.tensor([1 - left, left]) * chance
    assert belief.free_energy.item() == pytest.approx(-joint.sum().log().item(), abs=1e-12)
    found = belief.probs.reshape(3, 2)
    torch.testing.assert_close(found, joint / joint.sum(), rtol=0, atol=1e-12)


def test_forward_future_and_to_arrays_are_those_of_the_functions() -> None:
    model = TMaze()
    trace = poutine.trace(model).get_trace({"reward": torch.tensor([0, 1])}, torch.tensor([1]))
    assert {"context_0", "location_1", "reward_1"} <= set(trace.nodes)
    belief = ExactFilter(model).initial()
    trace = poutine.trace(model.future).get_trace(belief, torch.tensor([1]))
    assert {"context_1", "location_1", "position_1", "reward_1"} <= set(trace.nodes)
    assert model.to_arrays().state_names == ["context", "location"]


def test_a_model_may_have_parameters_of_every_kind_at_once() -> None:
    class Random(Puppet):
        def __init__(self) -> None:
            super().__init__()
            self.noise = pyro.nn.PyroSample(dist.Beta(1.0, 1.0))
            self.bias = pyro.nn.PyroParam(torch.tensor(0.5), dist.constraints.unit_interval)

        def observe(self, state: Body) -> None:
            chance = torch.where(state.head > 0, self.noise, self.bias)
            pyro.sample("seen", dist.Bernoulli(chance))

    pyro.clear_param_store()
    model: Any = Random()
    trace = poutine.trace(model).get_trace({"seen": torch.ones(2)}, torch.tensor([0]))
    assert {"noise", "bias", "turn"} <= set(trace.nodes)
    pyro.clear_param_store()
