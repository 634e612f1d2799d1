"""Dual coordinates, divergences, projections."""

from __future__ import annotations

import pyro.distributions as dist
import pytest
import torch
from torch.distributions import kl_divergence

from pyro_activeinf.geometry import StatisticalManifold
from tests.geometry.families import FAMILIES, SIZES, manifold, points

EACH = pytest.mark.parametrize("name", FAMILIES)


@EACH
def test_coordinates_there_and_back(name: str) -> None:
    space, x = manifold(name), points(name, 4)
    for into, out in (
        (space.natural, space.from_natural),
        (space.mean, space.from_mean),
        (space.family.free, space.family.from_free),
    ):
        assert torch.allclose(out(into(x)), x, rtol=1e-9, atol=1e-9)
    assert torch.allclose(space.point(space.distribution(x)), x, rtol=1e-12)


@EACH
def test_mean_coordinates_are_the_gradient_of_the_log_partition(name: str) -> None:
    space, x = manifold(name), points(name, 4)
    theta = space.natural(x).requires_grad_()
    (slope,) = torch.autograd.grad(space.family.log_partition(theta).sum(), theta)
    assert torch.allclose(slope, space.mean(x), rtol=1e-9, atol=1e-9)


@EACH
def test_bregman_divergence_is_kl_the_other_way_round(name: str) -> None:
    space, (p, q) = manifold(name), points(name, 2, 4)
    assert torch.allclose(space.bregman(q, p), space.kl(p, q), rtol=1e-9, atol=1e-9)
    if name != "Binomial":
        expected = kl_divergence(space.distribution(p), space.distribution(q))
        assert torch.allclose(space.kl(p, q), expected, rtol=1e-12)


@EACH
def test_means_are_differentiable(name: str) -> None:
    space = manifold(name)
    x = points(name)
    eta = space.mean(x).detach().requires_grad_()
    rows = torch.stack(
        [
            torch.autograd.grad(one, eta, retain_graph=True)[0]
            for one in space.natural(space.from_mean(eta))
        ]
    )
    theta = torch.autograd.functional.jacobian(space.natural, x)
    mean = torch.autograd.functional.jacobian(space.mean, x)
    assert torch.allclose(rows, theta @ torch.linalg.inv(mean), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", ["Normal", "Dirichlet", "MultivariateNormal", "Categorical"])
def test_projections_and_the_pythagorean_theorem(name: str) -> None:
    space, (p, base) = manifold(name), points(name, 2)
    way = torch.randn(1, SIZES[name])
    foot = space.m_projection(p, base, way)
    other = space.from_natural(space.natural(foot) + 0.05 * way[0])
    parts = space.kl(p, foot) + space.kl(foot, other)
    assert space.kl(p, other).item() == pytest.approx(parts.item(), abs=1e-9)
    inner = space.inner(
        foot,
        space.log_map(foot, p, alpha=-1.0),
        space.log_map(foot, other, alpha=1.0),
    )
    assert inner.item() == pytest.approx(0.0, abs=1e-8)
    flat = 0.05 * torch.randn(1, SIZES[name])
    foot = space.e_projection(p, base, flat)
    other = space.from_mean(space.mean(foot) + 0.05 * flat[0])
    parts = space.kl(other, foot) + space.kl(foot, p)
    assert space.kl(other, p).item() == pytest.approx(parts.item(), abs=1e-8)


def test_independent_marginals_are_an_m_projection() -> None:
    """The best diagonal Gaussian under KL[p || q] has the variances of p."""
    space = manifold("MultivariateNormal")
    p = dist.MultivariateNormal(torch.tensor([1.0, 2.0]), torch.tensor([[2.0, 0.9], [0.9, 1.0]]))
    base = dist.MultivariateNormal(torch.zeros(2), torch.eye(2))
    diagonal = torch.eye(5)[[0, 1, 2, 4]]  # all natural coordinates but the one off the diagonal
    foot = space.m_projection(p, base, diagonal)
    assert torch.allclose(foot, torch.tensor([1.0, 2.0, 2.0, 0.0, 1.0]), atol=1e-9)


def test_outside_the_domain() -> None:
    space = manifold("Normal")
    with pytest.raises(ValueError, match="`natural`"):
        space.from_natural(torch.tensor([0.0, 1.0]))
    with pytest.raises(ValueError, match="`mean`"):
        space.from_mean(torch.tensor([2.0, 1.0]))
    with pytest.raises(ValueError, match="`mean`"):
        manifold("Dirichlet").from_mean(torch.tensor([1.0, -1.0, -1.0]))
    with pytest.raises(TypeError, match="an exponential family"):
        StatisticalManifold(dist.Cauchy).natural(torch.tensor([0.0, 1.0]))
