"""Expected log-densities under Gaussians."""

import math
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.filters import GaussianFilter
from pyro_activeinf.filters.gaussian_quadrature import (
    expected_log_prob,
    mixture_rule,
    numbers_needed,
    rule,
)
from pyro_activeinf.models import LinearGaussian


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
    target = dist.MultivariateStudentT(torch.tensor(3.0), torch.zeros(9), torch.eye(9))
    with pytest.raises(ValueError, match="independent coordinates, or few of them"):
        expected(target, torch.zeros(9), torch.eye(9), (9,))


def mixture(size: int, apart: float, width: float) -> Any:
    means = torch.zeros(2, size)
    means[:, 0] = torch.tensor([-apart, apart])
    parts: Any = dist.MultivariateNormal(means, width**2 * torch.eye(size))
    if not size - 1:
        parts = dist.Normal(means[:, 0], width)
    return torch.distributions.MixtureSameFamily(dist.Categorical(torch.tensor([0.3, 0.7])), parts)


@pytest.mark.parametrize(("size", "close"), [(1, 1e-4), (2, 1e-3), (3, 0.05), (6, 0.05)])
def test_a_mixture_of_parts_that_are_well_apart(size: int, close: float) -> None:
    target = mixture(size, apart=2.0, width=0.3)
    x = torch.linspace(-9.0, 9.0, 40_001)
    weights = dist.Normal(torch.tensor(0.0), 1.0).log_prob(x).exp() * (x[1] - x[0])
    along = (weights * mixture(1, apart=2.0, width=0.3).log_prob(x)).sum()
    away = (size - 1) * (-0.5 * math.log(2 * math.pi * 0.09) - 0.5 / 0.09)
    event = (size,) if size > 1 else ()
    found = expected(target, torch.zeros(size), torch.eye(size), event)
    assert float(found) == pytest.approx(float(along) + away, abs=close)


def test_memory_is_told_of_all_nodes_and_parts() -> None:
    assert numbers_needed("o", mixture(1, 1.0, 1.0), 1) == 513 * 2
    assert numbers_needed("o", mixture(2, 1.0, 1.0), 2) == 97**2 * 2 * 2
    assert numbers_needed("o", dist.StudentT(3.0, torch.zeros(4)).to_event(1), 4) == 32 * 4
    plain = GaussianFilter(LinearGaussian(torch.eye(1), goal=torch.zeros(1)))

    class Wanting(LinearGaussian):
        def prefer(self) -> None:
            pyro.sample("o", dist.StudentT(3.0, torch.zeros(1)).to_event(1))

    wanting = GaussianFilter(Wanting(torch.eye(1)))
    assert wanting.scoring_bytes - plain.scoring_bytes == 32 * wanting.dtype.itemsize


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_nodes_of_mixtures_are_exact_for_quadratics_and_always_the_same(size: int) -> None:
    before = torch.random.get_rng_state()
    nodes, weights = mixture_rule(size, torch.zeros((), dtype=torch.float64))
    assert torch.equal(torch.random.get_rng_state(), before)
    cov = (weights[:, None] * nodes).mT @ nodes
    torch.testing.assert_close(cov, torch.eye(size).to(cov), atol=1e-12, rtol=0.0)
    assert float((weights @ nodes).abs().max()) < 1e-12
    assert torch.equal(mixture_rule(size, nodes)[0], nodes)
