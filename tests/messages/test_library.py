"""Expected log densities at certain moments are the log densities of torch."""

from typing import Any

import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import conjugacy as c
from pyro_activeinf.conjugacy.counts import (
    BetaMoments,
    CategoricalMoments,
    CountMoments,
    DirichletMoments,
)
from pyro_activeinf.conjugacy.gaussian import GaussianMoments, VectorMoments
from pyro_activeinf.conjugacy.precision import GammaMoments, WishartMoments
from pyro_activeinf.messages import library

MATRIX = torch.tensor([[2.0, 0.3], [0.3, 1.0]], dtype=torch.float64)


def number(value: float) -> GaussianMoments:
    return GaussianMoments.at(torch.tensor(value))


def positive(value: float) -> GammaMoments:
    return GammaMoments.at(torch.tensor(value))


def vector(*values: float) -> VectorMoments:
    return VectorMoments.at(torch.tensor(values))


def test_gaussian() -> None:
    found = library.gaussian(number(1.5), number(-0.5), positive(4.0))
    torch.testing.assert_close(found, dist.Normal(-0.5, 0.5).log_prob(torch.tensor(1.5)))


def test_gaussian_vector_and_linear() -> None:
    precision, x = WishartMoments.at(MATRIX), torch.tensor([1.0, -1.0])
    found = library.gaussian_vector(vector(1.0, -1.0), vector(0.5, 2.0), precision)
    truth = dist.MultivariateNormal(torch.tensor([0.5, 2.0]), precision_matrix=MATRIX)
    torch.testing.assert_close(found, truth.log_prob(x))
    weights = torch.tensor([[1.0, 2.0], [0.0, 1.0]])
    found = library.linear(vector(1.0, -1.0), vector(0.5, 2.0), weights, precision)
    truth = dist.MultivariateNormal(weights @ torch.tensor([0.5, 2.0]), precision_matrix=MATRIX)
    torch.testing.assert_close(found, truth.log_prob(x))


def test_gamma_and_wishart() -> None:
    x = torch.tensor(1.7)
    found = library.gamma(GammaMoments.at(x), 2.5, positive(3.0)) + c.Gamma().log_base(x)
    torch.testing.assert_close(found, dist.Gamma(2.5, 3.0).log_prob(x))
    found = library.wishart(WishartMoments.at(MATRIX), 4.0, torch.eye(2))
    truth = dist.Wishart(torch.tensor(4.0), precision_matrix=torch.eye(2)).log_prob(MATRIX)
    torch.testing.assert_close(found + c.Wishart(2).log_base(MATRIX), truth)


def test_dirichlet_and_beta() -> None:
    x, counts = torch.tensor([0.2, 0.5, 0.3]), torch.tensor([1.0, 2.0, 0.5])
    found = library.dirichlet(DirichletMoments.at(x), counts) + c.Dirichlet(3).log_base(x)
    torch.testing.assert_close(found, dist.Dirichlet(counts).log_prob(x))
    p = torch.tensor(0.3)
    found = library.beta(BetaMoments.at(p), 2.0, 3.0) + c.Beta().log_base(p)
    torch.testing.assert_close(found, dist.Beta(2.0, 3.0).log_prob(p))


def test_choices_and_counts() -> None:
    probs = torch.tensor([0.2, 0.5, 0.3])
    choice = CategoricalMoments(torch.tensor([0.0, 1.0, 0.0]))
    torch.testing.assert_close(
        library.categorical(choice, DirichletMoments.at(probs)), probs[1].log()
    )
    found = library.bernoulli(CountMoments.at(torch.tensor(0.0)), BetaMoments.at(torch.tensor(0.3)))
    torch.testing.assert_close(found, torch.tensor(0.7).log())
    x = torch.tensor(3.0)
    found = library.poisson(CountMoments.at(x), positive(2.0)) + c.Poisson().log_base(x)
    torch.testing.assert_close(found, dist.Poisson(2.0).log_prob(x))
    rows = DirichletMoments.at(torch.stack([probs, probs.flip(0), probs]))
    torch.testing.assert_close(library.table(choice, choice, rows), probs[1].log())


def test_products_of_unknown_vectors() -> None:
    found = library.dot(number(0.3), vector(1.0, 2.0), vector(0.5, -1.0), positive(4.0))
    torch.testing.assert_close(found, dist.Normal(-1.5, 0.5).log_prob(torch.tensor(0.3)))


def test_regression_is_a_sum_over_rows() -> None:
    design, weights, y = torch.randn(5, 2), torch.tensor([1.0, -2.0]), torch.randn(5)
    moments = GaussianMoments.at(y), design, VectorMoments.at(weights), positive(4.0)
    truth = dist.Normal(design @ weights, 0.5).log_prob(y).sum()
    torch.testing.assert_close(library.regression(*moments), truth)
    shrunk = library.shrinkage(VectorMoments.at(weights), GammaMoments.at(torch.tensor([4.0, 1.0])))
    truth = dist.Normal(0.0, torch.tensor([0.5, 1.0])).log_prob(weights).sum()
    torch.testing.assert_close(shrunk, truth)


def test_chains_are_products_of_steps() -> None:
    family, value = c.DiscreteChain(4, 2), torch.tensor([0, 1, 1, 0])
    initial, table = torch.tensor([0.3, 0.7]), torch.tensor([[0.9, 0.1], [0.4, 0.6]])
    moments = family.moments(family.statistics(value))
    found = library.transition(moments, DirichletMoments.at(initial), DirichletMoments.at(table))
    torch.testing.assert_close(found, initial[0].log() + table[value[:-1], value[1:]].log().sum())
    chain, path = c.GaussianChain(4, 2), torch.randn(4, 2)
    turn, one = torch.randn(2, 2), WishartMoments.at(torch.eye(2))
    found = library.linear_chain(
        chain.moments(chain.statistics(path)),
        turn,
        WishartMoments.at(MATRIX),
        vector(0.0, 0.0),
        one,
    )
    start = dist.MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(path[0])
    moves = dist.MultivariateNormal(path[:-1] @ turn.T, precision_matrix=MATRIX).log_prob(path[1:])
    torch.testing.assert_close(found, start + moves.sum())


def test_a_mixture_is_the_component_that_is_chosen() -> None:
    mixed: Any = library.mixture(library.gaussian)
    choice = CategoricalMoments(torch.tensor([0.0, 1.0]))
    places = GaussianMoments.at(torch.tensor([0.0, 5.0]))
    found = mixed(
        choice, x=GaussianMoments.at(torch.tensor([4.0])), mean=places, precision=positive(1.0)
    )
    torch.testing.assert_close(found, dist.Normal(5.0, 1.0).log_prob(torch.tensor(4.0)))


@pytest.mark.parametrize("values", [torch.tensor([-0.5, -torch.inf])])
def test_impossible_emissions_are_finite(values: Tensor) -> None:
    chain = c.DiscreteChain(2, 2)
    moments = chain.moments(chain.statistics(torch.tensor([0, 0])))
    assert library.emission(moments, values).sum().item() == -1.0
