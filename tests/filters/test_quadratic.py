"""Quadratic potentials, against quadrature and Gaussian densities."""

import pytest
import torch

from pyro_activeinf.filters.quadratic import Quadratic


def some(k: int, seed: int = 0) -> tuple[Quadratic, torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    roots = torch.randn(2, k, k)
    precision, cov = roots @ roots.mT
    return Quadratic(precision, torch.randn(k), torch.tensor(0.3)), torch.randn(k), cov


def grid(mean: torch.Tensor, cov: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Points and weights of a normal distribution in two dims."""
    line = torch.linspace(-8, 8, 401)
    points = torch.cartesian_prod(line, line)
    normal = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
    weights = normal.log_prob(points).exp() * (line[1] - line[0]) ** 2
    return mean + points @ torch.linalg.cholesky(cov).mT, weights


def test_mass_and_expectation_are_integrals() -> None:
    told, mean, cov = some(2)
    points, weights = grid(mean, cov)
    value = told(points)
    mass = (weights * value.exp()).sum()
    torch.testing.assert_close(told.mass(mean, cov), mass.log(), atol=1e-8, rtol=0.0)
    torch.testing.assert_close(told.expected(mean, cov), weights @ value, atol=1e-8, rtol=0.0)
    after, spread = told.weighing(mean, cov)
    shares = weights * value.exp() / mass
    torch.testing.assert_close(after, shares @ points, atol=1e-8, rtol=0.0)
    away = points - after
    torch.testing.assert_close(spread, (shares * away.mT) @ away, atol=1e-8, rtol=0.0)


def test_numbers_add_as_potentials_multiply() -> None:
    (one, y, _), (other, _, _) = some(3), some(3, 1)
    both = Quadratic.of(one.numbers + other.numbers, 3)
    torch.testing.assert_close(both(y), one(y) + other(y))


def test_what_is_pulled_back_has_the_same_value() -> None:
    told, _, _ = some(2)
    slope, offset, x = torch.randn(2, 3), torch.randn(2), torch.randn(3)
    torch.testing.assert_close(told.pulled(slope, offset)(x), told(slope @ x + offset))


@pytest.mark.parametrize("k", [0, 2])
def test_nothing_weighs_nothing(k: int) -> None:
    zero = Quadratic.of(torch.zeros(k * k + k + 1), k)
    mean, cov = torch.randn(k), torch.eye(k)
    assert float(zero.mass(mean, cov)) == 0.0
    torch.testing.assert_close(zero.weighing(mean, cov), (mean, cov))
