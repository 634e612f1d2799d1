"""Neural state-space models: sites, training, and what they know of their own parameters."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO
from torch import Tensor

from pyro_activeinf.guides import Amortized
from pyro_activeinf.models import Bayesian, Certain, Ensemble, Neural, Uncertainty
from pyro_activeinf.models.neural import disagreement

SPACES = {
    "none": (None, None),
    "discrete": (gym.spaces.Discrete(3), torch.zeros(2, 3, dtype=torch.long)),
    "box": (gym.spaces.Box(-1, 1, (2,)), torch.zeros(2, 3, 2)),
}
HEADS = [Certain(), Ensemble(3), Bayesian(0.5)]
each_head = pytest.mark.parametrize("heads", HEADS, ids=lambda heads: type(heads).__name__)


@each_head
@pytest.mark.parametrize(
    ("space", "vectorized"), [("none", True), ("discrete", True), ("box", True), ("box", False)]
)
def test_free_energy_has_gradients_everywhere(
    heads: Uncertainty, space: str, vectorized: bool
) -> None:
    actions, moves = SPACES[space]
    model = Neural(2, 3, actions, (8,), heads)
    guide = Amortized(model, [8])
    elbo = Trace_ELBO(15, max_plate_nesting=1, vectorize_particles=vectorized)
    elbo(model, guide)({"o": torch.randn(2, 4, 3)}, moves).backward()
    for module in (model, guide):
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None, name
            assert bool(parameter.grad.isfinite().all())
            assert bool((parameter.grad != 0).any()), name


def test_a_site_for_each_key_of_a_dict() -> None:
    space = gym.spaces.Dict(
        {
            "light": gym.spaces.Discrete(4),
            "view": gym.spaces.Box(0, 1, (2, 3)),
            "level": gym.spaces.Box(0, 1, ()),
        }
    )
    model = Neural(2, space)
    observations = {
        "light": torch.zeros(5, 3, dtype=torch.long),
        "view": torch.zeros(5, 3, 2, 3),
        "level": torch.zeros(5, 3),
    }
    trace = poutine.trace(model).get_trace(observations)
    assert trace.nodes["light_0"]["fn"].batch_shape == (5,)
    assert trace.nodes["view_0"]["fn"].event_shape == (2, 3)
    assert trace.nodes["level_2"]["fn"].event_shape == ()


@each_head
def test_parameters_are_drawn_once_for_an_episode(heads: Uncertainty) -> None:
    model = Neural(2, 1, uncertainty=heads)
    sites = poutine.trace(model).get_trace({"o": torch.zeros(3, 4, 1)}).stochastic_nodes
    random = [name for name in sites if not name.startswith(("s_", "batch_"))]
    expected = {
        Certain: [],
        Ensemble: ["dynamics.member"],
        Bayesian: ["dynamics.weight", "dynamics.bias"],
    }
    assert random == expected[type(heads)]


def mutual_information(locs: Tensor, scales: Tensor) -> float:
    """Of the index and the value of a mixture of Gaussians on a line, by quadrature."""
    x = torch.linspace(-60, 60, 60001)
    each = dist.Normal(locs[:, None], scales[:, None]).log_prob(x).exp()
    mixture = each.mean(0)
    terms = each * torch.where(each > 1e-200, (each / mixture).log(), 0.0)
    return torch.trapezoid(terms, x).mean().item()


@pytest.mark.parametrize("locs", [[0.0, 0.0, 0.0], [0.0, 1.0, 3.0], [-30.0, 0.0, 30.0]])
def test_disagreement_is_the_mutual_information(locs: list[float]) -> None:
    means, scales = torch.tensor(locs), torch.tensor([1.0, 1.0, 1.0])
    predictions = dist.Normal(means.unsqueeze(-1), scales.unsqueeze(-1)).to_event(1)
    found = disagreement(predictions, 20000).item()
    assert found == pytest.approx(mutual_information(means, scales), abs=0.01)
    assert found <= math.log(3) + 1e-9


def test_members_that_agree_have_nothing_to_teach() -> None:
    model = Neural(2, 1, uncertainty=Ensemble(4))
    state = torch.randn(5, 2)
    assert bool((model.novelty(state) > 0).all())
    for parameter in model.dynamics.parameters():
        parameter.data = parameter.data[:1].expand_as(parameter).clone()
    assert torch.allclose(model.novelty(state), torch.zeros(5), atol=1e-12)


def test_predictions_of_each_member() -> None:
    model = Neural(2, 1, gym.spaces.Discrete(3), uncertainty=Ensemble(4))
    state, action = torch.randn(6, 5, 2), torch.zeros(5, dtype=torch.long)
    together = model.predictions(state, action)
    assert together.batch_shape == (4, 6, 5)
    for k in range(4):
        with poutine.condition(data={"dynamics.member": torch.tensor(k)}):
            alone = model.next_state(state, action)
        assert torch.allclose(together.mean[k], alone.mean)
    assert not torch.allclose(together.mean[0], together.mean[1])


def test_predictions_under_a_guide() -> None:
    model = Neural(2, 1, uncertainty=Bayesian())
    guide = Amortized(model, [4])
    assert guide.random_parameters is not None
    draws = guide.random_parameters.draw(7)
    assert model.predictions(torch.zeros(3, 2), None, draws).batch_shape == (7, 3)
    assert model.novelty(torch.zeros(3, 2), None, draws).shape == (3,)


@pytest.mark.parametrize("heads", [Certain(), Bayesian()])
def test_without_draws_there_is_nothing_to_compare(heads: Uncertainty) -> None:
    with pytest.raises(ValueError, match="`parameters`: expected draws of"):
        Neural(2, 1, uncertainty=heads).novelty(torch.zeros(2))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Neural(0, 1), "`state_dim`: expected an integer of at least 1"),
        (lambda: Neural(1, 0), "`observations`: expected an integer of at least 1"),
        (lambda: Neural(1, 1, hidden_dims=[0]), "`hidden_dims`"),
        (lambda: Neural(1, gym.spaces.MultiBinary(2)), "`observations`: expected Discrete, Box"),
        (lambda: Neural(1, 1, gym.spaces.MultiDiscrete([2, 2])), "`actions`: expected None"),
        (lambda: Ensemble(0), "`members`"),
        (lambda: Bayesian(0.0), "`scale`"),
    ],
)
def test_what_does_not_exist(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_float32_and_float64() -> None:
    for dtype in (torch.float32, torch.float64):
        torch.set_default_dtype(dtype)
        model = Neural(2, 1, gym.spaces.Box(-1, 1, (1,), np.float32), uncertainty=Ensemble(2))
        states = model({"o": torch.zeros(3, 1)}, torch.zeros(2, 1))
        assert states[0].dtype == dtype


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_dims": 8}, "`hidden_dims`: expected a sequence of sizes, got 8"),
        ({"uncertainty": 3}, r"`uncertainty`: expected Certain\(\), Ensemble\(members\), "),
        ({"uncertainty": Ensemble}, "`uncertainty`: "),
    ],
)
def test_what_is_no_size_or_uncertainty(options: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Neural(2, 1, **options)
