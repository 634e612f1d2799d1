"""Beliefs as guides: their ELBO is the F that they were found by."""

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from torch import Tensor

from pyro_activeinf.conjugacy import guide_of
from pyro_activeinf.messages import FactorGraph, VariationalMessagePassing


def coins(x: Tensor) -> None:
    state = None
    table = torch.tensor([[0.9, 0.1], [0.3, 0.7]])
    with pyro.plate("series", x.shape[1]):
        for t in range(len(x)):
            probs = torch.ones(2) / 2 if state is None else table[state]
            state = pyro.sample(f"s_{t}", dist.Categorical(probs))
            pyro.sample(f"x_{t}", dist.Normal(2.0 * state, 1.0), obs=x[t])


def walk(x: Tensor) -> None:
    level = None
    for t in range(len(x)):
        level = pyro.sample(f"level_{t}", dist.Normal(0.0 if level is None else 0.8 * level, 1.0))
        pyro.sample(f"x_{t}", dist.Normal(level, 0.5), obs=x[t, 0])


def weights(x: Tensor) -> None:
    slopes = pyro.sample("slopes", dist.Normal(torch.zeros(3), 1.0).to_event(1))
    with pyro.plate("parts", 3):
        more = pyro.sample("more", dist.Normal(0.0, 1.0))
    pyro.sample("x", dist.Normal(slopes.sum() + more.sum(), 1.0), obs=x[0, 0])


@pytest.mark.parametrize("model", [coins, walk, weights])
def test_the_elbo_of_the_guide_is_minus_f(model: Any) -> None:
    x = torch.randn(4, 3)
    graph = FactorGraph.from_program(model, x)
    passing = VariationalMessagePassing(graph, tolerance=1e-14)
    passing.update_beliefs()
    guide = guide_of(graph.program, passing.beliefs)
    exact = passing.free_energy[-1].item()
    assert Trace_ELBO(100).loss(model, guide, x) == pytest.approx(exact, abs=0.2)
