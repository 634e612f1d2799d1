"""Programs and data in single precision: beliefs are in double, and samples fit the program."""

from collections.abc import Iterator
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Predictive
from torch import Tensor

from pyro_activeinf.learning import NaturalGradientSVI
from pyro_activeinf.messages import (
    FactorGraph,
    Gamma,
    Gaussian,
    MultivariateGaussian,
    VariationalMessagePassing,
    library,
)


@pytest.fixture(autouse=True)
def single() -> Iterator[None]:
    torch.set_default_dtype(torch.float32)
    yield
    torch.set_default_dtype(torch.float64)


def regression(design: Tensor, y: Tensor) -> None:
    weights = pyro.sample("weights", dist.Normal(torch.zeros(3), 2.0).to_event(1))
    with pyro.plate("rows", len(y)):
        pyro.sample("y", dist.Normal(design @ weights, 0.5), obs=y)


def test_a_program_is_exact_to_single_precision_and_says_nothing() -> None:
    design = torch.randn(3000, 3)
    y = 100.0 + design @ torch.tensor([1.0, -2.0, 3.0]) + 0.5 * torch.randn(3000)
    svi = NaturalGradientSVI(regression, rho=1.0)
    svi.step(design, y)
    weights: Any = svi.marginals["weights"]
    x, t = design.double(), y.double()
    precision = torch.eye(3, dtype=torch.float64) / 4 + 4 * x.T @ x
    truth = torch.linalg.solve(precision, 4 * x.T @ t)
    torch.testing.assert_close(weights.loc, truth, rtol=1e-4, atol=1e-4)
    drawn = Predictive(regression, guide=svi.guide, num_samples=2)(design, y)
    assert drawn["weights"].dtype == torch.float32


def test_a_graph_by_hand_takes_data_of_any_precision() -> None:
    design, y = torch.randn(20, 2), torch.randn(20)
    graph = FactorGraph()
    weights, noise = graph.variable("w", MultivariateGaussian(2)), graph.variable("n", Gamma())
    graph.factor(library.shrinkage, weights=weights, precision=torch.ones(2))
    graph.factor(library.gamma, x=noise, shape=1.0, rate=1.0)
    seen = graph.observe("y", Gaussian(), y)
    graph.factor(library.regression, y=seen, design=design, weights=weights, precision=noise)
    passing = VariationalMessagePassing(graph)
    found: Any = passing.update_beliefs()
    assert passing.free_energy.dtype == found["w"].loc.dtype == torch.float64
    assert passing.converged
