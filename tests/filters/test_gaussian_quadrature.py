"""Expected log-densities under Gaussians."""

import math
from typing import Any

import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.filters.gaussian_quadrature import expected_log_prob, rule


def expected(fn: Any, mean: Tensor, cov: Tensor, event: tuple[int, ...]) -> Tensor:
    return expected_log_prob("o", fn, mean, cov, torch.Size(event))


def test_rules_integrate_polynomials() -> None:
    nodes, weights = rule(2, 6, torch.zeros(1))
    x, y = nodes.unbind(-1)
    for values, truth in ((x**2, 1.0), (x**4, 3.0), (x**2 * y**4, 3.0), (x * y, 0.0), (x**10, 945)):
        assert float((weights * values).sum()) == pytest.approx(truth, abs=1e-9)


def test_a_gaussian_density_is_integrated_exactly() -> None:
    mean, root = torch.randn(3, 2), torch.randn(3, 2, 2)
    cov = root @ root.mT
    target = dist.MultivariateNormal(torch.ones(2), torch.tensor([[1.0, 0.4], [0.4, 2.0]]))
    inverse = target.precision_matrix
    truth = target.log_prob(mean) - 0.5 * (inverse @ cov).diagonal(dim1=-2, dim2=-1).sum(-1)
    torch.testing.assert_close(expected(target, mean, cov, (2,)), truth)
    apart = dist.Normal(torch.ones(2), torch.tensor([0.5, 2.0])).to_event(1)
    wide = cov.diagonal(dim1=-2, dim2=-1) / apart.variance
    torch.testing.assert_close(
        expected(apart, mean, cov, (2,)), apart.log_prob(mean) - 0.5 * wide.sum(-1)
    )


def test_heavy_tails_against_a_fine_grid() -> None:
    target = dist.StudentT(4.0, torch.tensor(1.0), 0.7)
    x = torch.linspace(-12.0, 14.0, 200_001)
    density = dist.Normal(torch.tensor(0.5), 0.8).log_prob(x).exp()
    truth = torch.trapezoid(density * target.log_prob(x), x)
    found = expected(target, torch.tensor([0.5]), torch.tensor([[0.64]]), ())
    assert float(found) == pytest.approx(float(truth), abs=1e-5)


def test_a_mixture_of_two_goals() -> None:
    goals = dist.MultivariateNormal(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.eye(2))
    target = dist.MixtureSameFamily(dist.Categorical(torch.ones(2)), goals)
    found = expected(target, torch.zeros(2), 0.25 * torch.eye(2), (2,))
    x = torch.linspace(-5.0, 5.0, 20_001)
    density = dist.Normal(torch.tensor(0.0), 0.5).log_prob(x).exp()
    along = torch.trapezoid(density * torch.log(torch.cosh(x)), x)
    truth = -math.log(2 * math.pi) - 0.5 * (0.5 + 1.0) + along
    assert float(found) == pytest.approx(float(truth), abs=1e-8)


def test_densities_that_are_not_positive_everywhere_are_refused() -> None:
    with pytest.raises(ValueError, match=r"over all real numbers.*a Exponential.*wider tails"):
        expected(dist.Exponential(torch.tensor(1.0)), torch.ones(1), torch.eye(1), ())


def test_too_many_coordinates_for_a_grid_are_refused() -> None:
    goals = dist.MultivariateNormal(torch.zeros(2, 9), torch.eye(9))
    target = dist.MixtureSameFamily(dist.Categorical(torch.ones(2)), goals)
    with pytest.raises(ValueError, match="independent coordinates, or few of them"):
        expected(target, torch.zeros(9), torch.eye(9), (9,))
