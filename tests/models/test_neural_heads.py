"""Networks with random parameters, beside networks of torch."""

from __future__ import annotations

import pyro
import pytest
import torch
from pyro import poutine
from torch.nn.functional import silu

from pyro_activeinf.models import Bayesian, Certain, Ensemble
from pyro_activeinf.models.neural_heads import Member, affine


def test_rows_times_matrices_broadcast() -> None:
    x, weight, bias = torch.randn(5, 4, 3), torch.randn(5, 1, 3, 2), torch.randn(2)
    expected = torch.stack([x[i] @ weight[i, 0] + bias for i in range(5)])
    assert torch.allclose(affine(x, weight, bias), expected)


def test_one_network_is_a_perceptron() -> None:
    network = Certain().network([3, 4, 2])
    first, last = network.perceptron.layers
    x = torch.randn(6, 3)
    hidden = silu(x @ first.weight[0] + first.bias[0])
    assert torch.allclose(network(x), hidden @ last.weight[0] + last.bias[0])


def test_each_member_is_a_network_of_its_own() -> None:
    network, x = Ensemble(3).network([2, 4, 1]), torch.randn(5, 2)
    each = [poutine.condition(network, data={"member": torch.tensor(k)})(x) for k in range(3)]
    stacked = poutine.condition(network, data={"member": torch.arange(3).unsqueeze(-1)})(x)
    assert torch.allclose(stacked, torch.stack(each))
    assert not torch.allclose(each[0], each[1])
    site = poutine.trace(network).get_trace(x).nodes["member"]["fn"]
    assert isinstance(site, Member)
    assert isinstance(site.expand([4]), Member)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_outputs_are_as_wide_beforehand_as_was_asked(scale: float) -> None:
    network = Bayesian(scale).network([2, 50, 3])
    with pyro.plate("draws", 4000):
        draws = network(torch.full((1, 2), 30.0))  # features are near one in size
    bias = scale**2
    features = torch.tanh(network.features(torch.full((1, 2), 30.0), torch.tensor(0)))
    expected = (scale**2 * (features**2).mean() + bias) ** 0.5
    assert torch.allclose(draws.std(0), expected.expand(3), rtol=0.1)


def test_one_member_is_no_ensemble() -> None:
    with pytest.raises(ValueError, match=r"`members`: expected at least 2 networks, got 1"):
        Ensemble(1)
