"""What holds for every family."""

import math
from typing import Any

import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import conjugacy as c
from pyro_activeinf import geometry
from pyro_activeinf.conjugacy.chains import gradient
from pyro_activeinf.conjugacy.known import Known
from tests.conjugacy.kinds import each_family, each_marginal_family, naturals


@each_family
def test_means_are_the_gradient_of_the_log_partition(family: c.Family) -> None:
    natural = naturals(family)
    difference = family.mean(natural) - gradient(family, natural)
    assert difference.abs().max() < 1e-9 * (1 + family.mean(natural).abs().max())


@each_family
def test_naturals_have_the_means_that_they_are_made_from(family: c.Family) -> None:
    mean = family.mean(naturals(family))
    torch.testing.assert_close(family.mean(family.natural(mean)), mean, rtol=1e-9, atol=1e-9)


def values(family: c.Family, natural: Tensor) -> Tensor:
    """Seven values for each point."""
    if isinstance(family, c.Wishart):  # torch warns of each sample
        root = torch.randn(7, len(natural), 2, 2)
        return root @ root.mT
    return family.distribution(natural).sample((7,))


@each_marginal_family
def test_densities_are_those_of_the_distribution(family: c.Family) -> None:
    natural = naturals(family)
    value = values(family, natural)
    found = family.log_base(value) + (family.statistics(value) * natural).sum(-1)
    wanted = family.distribution(natural).log_prob(value)
    torch.testing.assert_close(found - family.log_partition(natural), wanted)


@each_marginal_family
def test_the_inverse_of_the_mean_is_differentiable(family: c.Family) -> None:
    mean = family.mean(naturals(family, 1)[0])
    goal = torch.randn(family.size)
    direction = gradient(family, family.natural(mean) * 1.001) - mean  # a feasible one
    point = mean.clone().requires_grad_()
    (slope,) = torch.autograd.grad((family.mean(family.natural(point)) * goal).sum(), point)
    torch.testing.assert_close((slope * direction).sum(), (goal * direction).sum())


@each_family
def test_negative_entropy_is_zero_for_no_distance(family: c.Family) -> None:
    one, two = naturals(family, 2)
    mean = family.mean(one)
    cross = (two * mean).sum() - family.log_partition(two)
    assert family.negative_entropy(one, mean) - cross >= 0  # KL
    same = (one * mean).sum() - family.log_partition(one)
    torch.testing.assert_close(family.negative_entropy(one, mean), same)


@each_family
def test_domains(family: c.Family) -> None:
    natural = naturals(family)
    assert family.valid(natural).all()
    assert not family.valid(natural * math.nan).any()
    assert family.valid(family.neutral())


@each_family
def test_parts_are_put_together_again(family: c.Family) -> None:
    natural = naturals(family)
    assert torch.equal(family.join(*family.split(natural)), natural)
    assert len(family.moments(natural)) == len(family.parts)


def test_impossible_values_add_nothing_to_the_entropy() -> None:
    family = c.Categorical(3)
    natural = torch.tensor([0.0, -math.inf, 0.0])
    found = family.negative_entropy(natural, family.mean(natural))
    torch.testing.assert_close(found, -torch.tensor(2.0).log())


@each_marginal_family
def test_manifolds_and_beliefs_read_one_description(family: c.Family) -> None:
    """Nothing of the pair of coordinates is said again here."""
    assert isinstance(family, Known)
    assert isinstance(family.dual, geometry.Legendre)
    said = ("log_partition", "mean", "natural", "valid", "distribution")
    assert not any(name in vars(type(family)) for name in said)


def test_manifolds_have_the_same_numbers() -> None:
    belief = c.MultivariateGaussian(3)
    natural = naturals(belief)
    space = geometry.StatisticalManifold(dist.MultivariateNormal)
    point = belief.distribution(natural)
    torch.testing.assert_close(
        space.family.log_partition(space.natural(point)), belief.log_partition(natural)
    )
    other = naturals(belief)
    kl = belief.negative_entropy(natural, belief.mean(natural))
    kl = kl - (other * belief.mean(natural)).sum(-1) + belief.log_partition(other)
    torch.testing.assert_close(space.kl(point, belief.distribution(other)), kl)
    torch.testing.assert_close(space.bregman(belief.distribution(other), point), kl)


@pytest.mark.parametrize("number", [0, -1, 2.5, "x", None])
def test_dims_are_positive_integers(number: Any) -> None:
    for family in (c.Categorical, c.Dirichlet, c.MultivariateGaussian, c.Wishart):
        with pytest.raises(ValueError, match="`dim`: expected an integer of at least 1"):
            family(number)
    for chain in (c.DiscreteChain, c.GaussianChain):
        with pytest.raises(ValueError, match="`dim`"):
            chain(2, number)
        with pytest.raises(ValueError, match="`steps`"):
            chain(number, 2)
