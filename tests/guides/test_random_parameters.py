"""Random parameters of a model are recognized once, outside of all plates."""

from __future__ import annotations

import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.nn import PyroSample

from pyro_activeinf.guides import Amortized, RandomParameters
from pyro_activeinf.models import Ensemble, LinearGaussian, Neural, Tiger


def test_none_where_there_are_none() -> None:
    assert RandomParameters.of(Tiger()) is None
    assert Amortized(Tiger(), []).random_parameters is None


def test_members_of_an_ensemble_are_left_to_chance() -> None:
    found = RandomParameters.of(Neural(2, 1, uncertainty=Ensemble(4)))
    assert found is not None
    assert list(found.parameters()) == []
    assert sorted(set(found.draw(200)["dynamics.member"].tolist())) == [0, 1, 2, 3]


def test_priors_on_arrays_and_their_supports() -> None:
    model = LinearGaussian(torch.eye(2), C=torch.eye(2))
    model.offset = PyroSample(dist.Normal(torch.zeros(2), 1.0).to_event(1))
    model.mean = PyroSample(dist.LogNormal(torch.zeros(2), 1.0).to_event(1))
    guide = Amortized(model, [4])
    assert guide.random_parameters is not None
    draws = guide.random_parameters.draw(5)
    assert {name: tuple(value.shape) for name, value in draws.items()} == {
        "offset": (5, 2),
        "mean": (5, 2),
    }
    assert bool((draws["mean"] > 0).all())
    observations = {"o": torch.zeros(3, 2, 2)}
    sites = poutine.trace(guide).get_trace(observations).nodes
    assert sites["offset"]["cond_indep_stack"] == ()
    assert {"offset", "mean", "s_0", "s_1"} <= set(sites)
    assert set(poutine.trace(model).get_trace(observations).stochastic_nodes) == {
        "offset",
        "mean",
        "s_0",
        "s_1",
        "batch_0",
    }
