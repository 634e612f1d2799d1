"""Optimal transport between Gaussians."""

from __future__ import annotations

import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.geometry import WassersteinGaussians
from pyro_activeinf.geometry.gaussian import joined
from pyro_activeinf.geometry.wasserstein import lyapunov, square_root
from tests.geometry.families import points, vectors

SPACE = WassersteinGaussians()


def test_distance_in_one_dimension() -> None:
    found = SPACE.distance(torch.tensor([0.0, 4.0]), torch.tensor([3.0, 1.0]))
    assert found.item() == pytest.approx((9 + 1) ** 0.5, abs=1e-12)


def test_distance_is_that_of_the_optimal_map() -> None:
    p, q = points("MultivariateNormal", 2)
    vector = SPACE.log_map(p, q)
    assert torch.allclose(SPACE.exp_map(p, vector), q, atol=1e-10)
    assert SPACE.norm(p, vector).item() == pytest.approx(SPACE.distance(p, q).item(), abs=1e-10)
    assert SPACE.distance(p, p).item() == pytest.approx(0.0, abs=1e-12)


def test_geodesics_keep_their_speed_and_solve_their_equation() -> None:
    p, q = points("MultivariateNormal", 2)
    way = SPACE.geodesic(p, q)
    t = torch.linspace(0, 1, 5)
    speed = SPACE.norm(way(t), way.velocity(t))
    assert torch.allclose(speed, SPACE.distance(p, q).expand(5), rtol=1e-8)
    step = 1e-4
    turn = (way(0.4 + step) - 2 * way(0.4) + way(0.4 - step)) / step**2
    v = way.velocity(0.4)
    bent = torch.einsum("kij,i,j->k", SPACE.christoffel(way(0.4)), v, v)
    assert torch.allclose(turn, -bent, atol=1e-5)
    assert SPACE.length(way).item() == pytest.approx(SPACE.distance(p, q).item(), rel=1e-7)


def test_transport_keeps_inner_products() -> None:
    (p, q), (v, w) = points("MultivariateNormal", 2), vectors("MultivariateNormal", 2)
    way = SPACE.geodesic(p, q)
    ahead = [SPACE.parallel_transport(each, way) for each in (v, w)]
    assert SPACE.inner(q, *ahead).item() == pytest.approx(SPACE.inner(p, v, w).item(), rel=1e-8)


def test_curvature_is_not_negative() -> None:
    x, (v, w) = points("MultivariateNormal"), vectors("MultivariateNormal", 2)
    assert SPACE.sectional_curvature(x, v, w).item() >= 0


def test_barycenter() -> None:
    """Of Gaussians whose covariances commute: the square of the mean of the roots."""
    roots = torch.rand(4, 2) + 0.5
    turn = torch.linalg.qr(torch.randn(2, 2)).Q
    locs = torch.randn(4, 2)
    covariances = (turn * roots.square().unsqueeze(-2)) @ turn.T
    found = SPACE.frechet_mean(dist.MultivariateNormal(locs, covariances))
    expected = joined(locs.mean(0), (turn * roots.mean(0).square()) @ turn.T)
    assert torch.allclose(found, expected, atol=1e-9)


def test_distances_are_differentiable() -> None:
    p, q = points("MultivariateNormal", 2)
    p.requires_grad_()
    (SPACE.distance(p, q).square() / 2).backward()
    x = p.detach()
    assert torch.allclose(SPACE.sharp(x, p.grad), -SPACE.log_map(x, q), atol=1e-8)


def test_roots_are_differentiable_where_eigenvalues_are_equal() -> None:
    a = torch.eye(3).requires_grad_()
    (slope,) = torch.autograd.grad(square_root(a).diagonal().sum(), a)
    assert torch.allclose(slope, torch.eye(3) / 2, atol=1e-12)
    b = torch.randn(3, 3)
    assert torch.allclose(lyapunov(torch.eye(3), b + b.T), (b + b.T) / 2)


def test_wrong_arguments_are_named() -> None:
    x = torch.tensor([0.0, 1.0])
    with pytest.raises(ValueError, match="`alpha`"):
        SPACE.log_map(x, x, alpha=1.0)
    with pytest.raises(ValueError, match="`vector`"):
        SPACE.exp_map(x, torch.tensor([0.0, -3.0]))
    with pytest.raises(ValueError, match="`other, velocity`"):
        SPACE.geodesic(x)
