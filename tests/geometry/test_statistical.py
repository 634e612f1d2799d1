"""Distances, geodesics, curvature and transport, against closed forms and each other."""

from __future__ import annotations

import math
from typing import Any

import pyro.distributions as dist
import pytest
import torch
from torch import Tensor
from torch.distributions import kl_divergence

from pyro_activeinf.geometry import RiemannianSGD, StatisticalManifold
from pyro_activeinf.geometry.transport import carry
from tests.geometry.families import CURVED, FAMILIES, SIZES, manifold, points, vectors

F64 = torch.float64
EACH = pytest.mark.parametrize("name", FAMILIES)
EACH_CURVED = pytest.mark.parametrize("name", CURVED)


def f64(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=F64)


def covariance(n: int) -> Tensor:
    a = torch.randn(n, n, dtype=F64)
    return a @ a.T + torch.eye(n, dtype=F64)


def test_normal_distance() -> None:
    found = manifold("Normal").distance(f64(0.0, 1.0), f64(1.0, 2.0))
    assert found.item() == pytest.approx(1.1893809314, abs=1e-10)


def test_categorical_distance_from_all_probabilities() -> None:
    found = manifold("Categorical").distance(f64(0.2, 0.3, 0.1, 0.4), f64(*[0.25] * 4))
    assert found.item() == pytest.approx(0.4760145195, abs=1e-10)
    p, q = dist.Categorical(f64(0.2, 0.3, 0.1, 0.4)), dist.Categorical(f64(*[0.25] * 4))
    assert manifold("Categorical").distance(p, q).item() == pytest.approx(found.item(), abs=1e-12)


@pytest.mark.parametrize(
    ("name", "p", "q", "distance"),
    [
        ("Poisson", 2.0, 5.0, 2 * (5**0.5 - 2**0.5)),
        ("Exponential", 2.0, 5.0, math.log(2.5)),
        ("Binomial", 0.2, 0.7, 2 * 7**0.5 * (math.asin(0.7**0.5) - math.asin(0.2**0.5))),
        ("Bernoulli", 0.2, 0.7, 2 * (math.asin(0.7**0.5) - math.asin(0.2**0.5))),
    ],
)
def test_distance_of_one_parameter(name: str, p: float, q: float, distance: float) -> None:
    assert manifold(name).distance(f64(p), f64(q)).item() == pytest.approx(distance, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2])
def test_gaussian_distances_in_closed_form(n: int) -> None:
    torch.manual_seed(n)
    space = manifold("MultivariateNormal")
    first, second, shift = covariance(n), covariance(n), torch.randn(n, dtype=F64)
    zero = torch.zeros(n, dtype=F64)
    apart = space.distance(
        dist.MultivariateNormal(zero, first), dist.MultivariateNormal(shift, first)
    )
    square = shift @ torch.linalg.solve(first, shift)
    assert apart.item() == pytest.approx(2**0.5 * math.acosh(1 + square / 4), abs=1e-10)
    centered = space.distance(
        dist.MultivariateNormal(shift, first), dist.MultivariateNormal(shift, second)
    )
    ratios = torch.linalg.eigvals(torch.linalg.solve(first, second)).real
    expected = (ratios.log().square().sum() / 2).sqrt().item()
    assert centered.item() == pytest.approx(expected, abs=1e-10)


def test_a_gaussian_of_one_number_is_a_normal() -> None:
    one = manifold("MultivariateNormal").distance(f64(0.3, 0.5), f64(2.0, 3.0))
    other = manifold("Normal").distance(f64(0.3, 0.5**0.5), f64(2.0, 3.0**0.5))
    assert one.item() == pytest.approx(other.item(), abs=1e-10)


@EACH
def test_metric_is_the_hessian_of_kl(name: str) -> None:
    torch.manual_seed(0)
    x = points(name)
    family = FAMILIES[name]

    def kl(y: Tensor) -> Tensor:
        return kl_divergence(family.distribution(x), family.distribution(y))

    if name == "Binomial":
        expected = 7 / (x * (1 - x)).reshape(1, 1)
    else:
        expected = torch.autograd.functional.hessian(kl, x)
    assert torch.allclose(manifold(name).metric(x), expected, rtol=1e-9, atol=1e-9)


@EACH
@pytest.mark.parametrize("alpha", [1.0, 0.0, -1.0])
def test_exp_and_log_are_inverse(name: str, alpha: float) -> None:
    torch.manual_seed(1)
    batch = () if name == "MultivariateNormal" else (3,)
    space, (p, q) = manifold(name), points(name, 2, *batch)
    vector = space.log_map(p, q, alpha)
    assert torch.allclose(space.exp_map(p, vector, alpha), q, rtol=1e-9, atol=1e-9)
    if alpha == 0:
        assert torch.allclose(space.norm(p, vector), space.distance(p, q), atol=1e-10)
        assert torch.allclose(space.distance(q, p), space.distance(p, q), atol=1e-9)


def test_exp_and_log_are_inverse_under_other_connections() -> None:
    torch.manual_seed(2)
    space, (p, q) = manifold("Dirichlet"), points("Dirichlet", 2, 2)
    vector = space.log_map(p, q, 0.5)
    assert torch.allclose(space.exp_map(p, vector, 0.5), q, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["Gamma", "Beta", "Dirichlet", "MultivariateNormal"])
def test_round_trip_between_points_far_apart(name: str) -> None:
    torch.manual_seed(3)
    spread, count = (0.7, 2) if name == "MultivariateNormal" else (1.5, 5)
    space, (p, q) = manifold(name), points(name, 2, count, spread=spread)
    back = space.exp_map(p, space.log_map(p, q))
    assert ((back - q).abs() / (1 + q.abs())).max() < 1e-7


@EACH_CURVED
def test_geodesics_keep_their_speed(name: str) -> None:
    torch.manual_seed(4)
    space, (p, q) = manifold(name), points(name, 2)
    t = torch.linspace(0, 1, 7, dtype=F64)
    vector = space.log_map(p, q)
    distance = space.norm(p, vector)
    for way in (space.geodesic(p, q), space.geodesic(p, velocity=vector)):
        speed = space.norm(way(t), way.velocity(t))
        assert torch.allclose(speed, distance.expand(7), rtol=1e-8)
        assert torch.allclose(way(1.0), q, rtol=1e-9, atol=1e-9)
    assert space.length(way).item() == pytest.approx(distance.item(), rel=1e-7)


@EACH
def test_curvature(name: str) -> None:
    torch.manual_seed(5)
    x = points(name, 2)
    space = manifold(name)
    known = {"Normal": -0.5, "Categorical": 0.25}
    if name in known:
        for alpha in (0.0, 0.5, -2.0):
            expected = torch.full((2,), known[name] * (1 - alpha**2), dtype=F64)
            assert torch.allclose(space.curvature(x, alpha), expected, atol=1e-9)
            if alpha == 0:
                v, w = vectors(name, 2, 2)
                assert torch.allclose(space.sectional_curvature(x, v, w), expected, atol=1e-9)
    else:
        for flat in (1.0, -1.0):
            assert space.riemann(x, flat).abs().max() < 1e-8


@EACH_CURVED
def test_curvature_tensor_from_the_cubic_form(name: str) -> None:
    """Of a dually flat space: (C_jl C_ik - C_il C_jk) / 4, contracted by the metric."""
    torch.manual_seed(6)
    space, x = manifold(name), points(name)
    metric, cubic = space.metric(x), space.cubic(x)
    product = torch.einsum("jla,ab,ikb->lkij", cubic, torch.linalg.inv(metric), cubic)
    lowered = torch.einsum("ml,lkij->mkij", metric, space.riemann(x))
    expected = (product - product.transpose(-1, -2)) / 4
    assert torch.allclose(lowered, expected, rtol=1e-7, atol=1e-8 * lowered.abs().max().item())


@EACH
def test_christoffel_symbols_by_finite_differences_of_the_metric(name: str) -> None:
    torch.manual_seed(7)
    space, x = manifold(name), points(name)
    d, step = SIZES[name], 1e-5
    change = torch.stack(
        [
            (space.metric(x + step * e) - space.metric(x - step * e)) / (2 * step)
            for e in torch.eye(d, dtype=F64)
        ]
    )  # (i, j, k)
    lower = (change + change.transpose(0, 1) - change.permute(1, 2, 0)) / 2
    expected = torch.einsum("lk,ijk->lij", torch.linalg.inv(space.metric(x)), lower)
    assert torch.allclose(space.christoffel(x), expected, rtol=1e-6, atol=1e-6)


def test_christoffel_symbols_of_the_normal() -> None:
    expected = torch.zeros(2, 2, 2, dtype=F64)
    expected[0, 0, 1] = expected[0, 1, 0] = expected[1, 1, 1] = -1 / 1.7
    expected[1, 0, 0] = 1 / (2 * 1.7)
    assert torch.allclose(manifold("Normal").christoffel(f64(0.3, 1.7)), expected, atol=1e-12)


@EACH_CURVED
def test_transport_keeps_inner_products(name: str) -> None:
    torch.manual_seed(8)
    space, (p, q), (v, w) = manifold(name), points(name, 2), vectors(name, 2)
    way = space.geodesic(p, q)
    carried = [space.parallel_transport(each, way) for each in (v, w)]
    before, after = space.inner(p, v, w), space.inner(q, *carried)
    assert after.item() == pytest.approx(before.item(), rel=1e-8, abs=1e-8)
    own = space.parallel_transport(way.velocity(0.0), way)
    assert torch.allclose(own, way.velocity(1.0), rtol=1e-7, atol=1e-8)


@EACH_CURVED
def test_transports_are_dual(name: str) -> None:
    torch.manual_seed(9)
    space, (p, q), (v, w) = manifold(name), points(name, 2), vectors(name, 2)
    way = space.geodesic(p, q)
    ahead, back = (
        space.parallel_transport(v, way, alpha=1.0),
        space.parallel_transport(w, way, alpha=-1.0),
    )
    assert space.inner(q, ahead, back).item() == pytest.approx(
        space.inner(p, v, w).item(), rel=1e-8, abs=1e-8
    )


def test_transports_are_dual_along_any_way_and_for_any_alpha() -> None:
    torch.manual_seed(10)
    space, way, (v, w) = manifold("Gamma"), points("Gamma", 3), vectors("Gamma", 2)
    ahead = space.parallel_transport(v, way, alpha=0.3)
    back = space.parallel_transport(w, way, alpha=-0.3)
    assert space.inner(way[-1], ahead, back).item() == pytest.approx(
        space.inner(way[0], v, w).item(), rel=1e-8
    )


def test_transport_by_differential_equation_is_that_of_the_closed_form() -> None:
    torch.manual_seed(11)
    space, (p, q), v = manifold("Normal"), points("Normal", 2), vectors("Normal")
    way = space.geodesic(p, q)
    closed = space.parallel_transport(v, way)
    assert torch.allclose(carry(space.local, way, v, 0.0), closed, atol=1e-8)


def test_closed_geodesics_solve_the_equation() -> None:
    torch.manual_seed(12)
    for name in ("Normal", "Categorical", "MultivariateNormal"):
        space, p, v = manifold(name), points(name), 0.1 * vectors(name)
        way = space.geodesic(p, velocity=v)
        t, step = 0.4, 1e-4
        turn = (way(t + step) - 2 * way(t) + way(t - step)) / step**2
        x, speed = way(t), way.velocity(t)
        bent = torch.einsum("kij,i,j->k", space.christoffel(x), speed, speed)
        assert torch.allclose(turn, -bent, atol=1e-6)


@pytest.mark.parametrize("name", ["Dirichlet", "Gamma", "Normal"])
def test_distances_are_differentiable(name: str) -> None:
    torch.manual_seed(13)
    space, (p, q) = manifold(name), points(name, 2)
    p.requires_grad_()
    q.requires_grad_()
    (space.distance(p, q).square() / 2).backward()
    x, y = p.detach(), q.detach()
    assert torch.allclose(space.sharp(x, p.grad), -space.log_map(x, y), rtol=1e-7, atol=1e-7)
    assert torch.allclose(space.sharp(y, q.grad), -space.log_map(y, x), rtol=1e-7, atol=1e-7)


def test_near_the_boundary() -> None:
    small = f64(1e-12, 0.5)
    found = manifold("Categorical").distance(small, f64(1e-12, 0.4))
    assert found.item() == pytest.approx(2 * math.acos(0.2**0.5 + 0.3**0.5), rel=1e-9)
    tight = manifold("Normal")
    near, far = f64(1e4, 1e-6), f64(1e4 + 1e-6, 2e-6)
    assert tight.distance(near, far).item() == pytest.approx(1.1893809314, rel=1e-5)
    assert torch.allclose(tight.metric(near), f64(1e12, 2e12).diag(), rtol=1e-12, atol=0)
    assert tight.curvature(near).item() == pytest.approx(-0.5, abs=1e-9)
    space = manifold("Dirichlet")
    low, high = f64(1e-4, 2.0, 3.0), f64(2.0, 1e-4, 100.0)
    back = space.exp_map(low, space.log_map(low, high))
    assert torch.allclose(back, high, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("alpha", [1.0, 0.0, -1.0])
def test_small_scales_far_from_zero(alpha: float) -> None:
    space, near, far = manifold("Normal"), f64(1e4, 1e-6), f64(1e4 + 1e-6, 2e-6)
    back = space.exp_map(near, space.log_map(near, far, alpha), alpha)
    assert torch.allclose(back - near, far - near, rtol=1e-5, atol=1e-11)  # grain of 1e4: 2e-12
    way = space.geodesic(near, far, alpha=alpha)
    carried = space.parallel_transport(f64(1e-6, 0.0), way, alpha)
    middle = space.point(way(0.5)) - near
    other = manifold("Normal").geodesic(f64(0.0, 1.0), f64(1.0, 2.0), alpha=alpha)
    assert torch.allclose(1e6 * middle, other(0.5) - other(0.0), atol=1e-5)
    expected = space.parallel_transport(f64(1.0, 0.0), other, alpha)
    assert torch.allclose(1e6 * carried, expected, atol=1e-5)


def test_frechet_mean() -> None:
    torch.manual_seed(14)
    for name in ("Normal", "Dirichlet"):
        space, x = manifold(name), points(name, 4)
        weights = f64(1.0, 2.0, 3.0, 4.0)
        mean = space.frechet_mean(x, weights)
        pull = (weights[:, None] * space.log_map(mean.expand_as(x), x)).sum(0)
        assert pull.abs().max() < 1e-9
    p, q = points("Normal", 2)
    middle = manifold("Normal").geodesic(p, q)(0.5)
    assert torch.allclose(manifold("Normal").frechet_mean(torch.stack([p, q])), middle, atol=1e-9)


def test_a_distance_is_near_the_root_of_twice_kl() -> None:
    torch.manual_seed(15)
    for name in FAMILIES:
        space, x = manifold(name), points(name)
        near = space.exp_map(x, 1e-3 * vectors(name))
        assert (2 * space.kl(x, near)).sqrt().item() == pytest.approx(
            space.distance(x, near).item(), rel=1e-2
        )


@pytest.mark.parametrize("name", ["Poisson", "Categorical", "Binomial"])
def test_geodesics_that_leave_the_domain_are_named(name: str) -> None:
    x = points(name)
    with pytest.raises(ValueError, match="stays inside"):
        manifold(name).exp_map(x, torch.full_like(x, -40.0))
    with pytest.raises(ValueError, match="stays inside"):
        manifold(name).exp_map(x, torch.full_like(x, -40.0), alpha=-1.0)


@pytest.mark.parametrize(
    ("start", "end", "distance"),
    [
        (dist.Categorical(f64(1.0, 0.0, 0.0)), dist.Categorical(f64(0.0, 0.5, 0.5)), math.pi),
        (dist.Categorical(f64(0.5, 0.5, 0.0)), dist.Categorical(f64(0.5, 0.5, 0.0)), 0.0),
        (dist.OneHotCategorical(f64(0.0, 1.0)), dist.OneHotCategorical(f64(0.5, 0.5)), math.pi / 2),
        (dist.Bernoulli(f64(0.0)), dist.Bernoulli(f64(1.0)), math.pi),
        (dist.Binomial(4, f64(0.0)), dist.Binomial(4, f64(0.5)), math.pi),
        (dist.Poisson(f64(0.0)), dist.Poisson(f64(4.0)), 4.0),
    ],
)
def test_certainty_at_a_finite_distance(start: object, end: object, distance: float) -> None:
    space = StatisticalManifold(start)
    assert space.distance(start, end).item() == pytest.approx(distance, abs=1e-12)
    way = space.geodesic(start, end)
    assert torch.allclose(way(1.0), space.coordinates(end), atol=1e-12)
    assert space.distance(way(0.25), way(0.75)).item() == pytest.approx(distance / 2, abs=1e-12)
    with pytest.raises(ValueError, match="`point`"):
        space.metric(start)


def test_gaussians_of_low_rank_are_gaussians() -> None:
    low = dist.LowRankMultivariateNormal(torch.zeros(2), torch.ones(2, 1), torch.ones(2))
    full = dist.MultivariateNormal(torch.zeros(2), low.covariance_matrix)
    space = StatisticalManifold(dist.LowRankMultivariateNormal)
    assert space.distance(low, full).item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("family", "other"),
    [
        (dist.Normal, dist.Laplace(0.0, 1.0)),
        (dist.Normal, dist.LogNormal(0.0, 1.0)),
        (dist.Normal, dist.StudentT(3.0, 0.0, 1.0)),
        (dist.Gamma, dist.InverseGamma(1.0, 1.0)),
        (dist.Bernoulli, dist.Geometric(0.5)),
        (dist.Cauchy, dist.Normal(0.0, 1.0)),
        (dist.Normal(torch.zeros(2), 1.0).to_event(1), dist.Laplace(f64(0, 0), 1.0).to_event(1)),
    ],
)
def test_other_families_are_not_taken_for_their_own(family: object, other: object) -> None:
    with pytest.raises(TypeError, match="`point`"):
        StatisticalManifold(family).metric(other)


def test_members_of_another_size_are_named() -> None:
    with pytest.raises(ValueError, match=r"expected 7 trials, got \[8"):
        manifold("Binomial").metric(dist.Binomial(8, f64(0.5)))
    with pytest.raises(ValueError, match=r"expected events \(2,\), got \(3,\)"):
        manifold("diagonal Normal").metric(dist.Normal(torch.zeros(3), 1.0).to_event(1))


def test_wrong_vectors_and_ways_are_named() -> None:
    space, x = manifold("Normal"), f64(0.0, 1.0)
    way = space.geodesic(x, f64(1.0, 1.0))
    for call in (
        lambda v: space.inner(x, v, x),
        lambda v: space.sharp(x, v),
        lambda v: space.exp_map(x, v),
        lambda v: space.parallel_transport(v, way),
    ):
        with pytest.raises(ValueError, match="a shape that ends in 2"):
            call(torch.ones(3))
        with pytest.raises(TypeError, match="a tensor"):
            call([1.0, 1.0])
    with pytest.raises(ValueError, match="`other`"):
        space.inner(x, x, torch.ones(3))
    with pytest.raises(ValueError, match="at least two points"):
        space.parallel_transport(x, x)


def test_wrong_arguments_are_named() -> None:
    space = manifold("Normal")
    with pytest.raises(ValueError, match=r"`point`: expected Normal with a scale > 0"):
        space.metric(f64(0.0, -1.0))
    with pytest.raises(ValueError, match="`other, velocity`"):
        space.geodesic(f64(0.0, 1.0))
    with pytest.raises(TypeError, match="`point`"):
        space.metric(dist.Poisson(1.0))
    with pytest.raises(TypeError, match="`point`"):
        space.metric("here")
    with pytest.raises(TypeError, match="`point`"):
        space.metric(torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="`vector`"):
        space.exp_map(f64(0.0, 1.0), f64(1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="parallel"):
        space.sectional_curvature(f64(0.0, 1.0), f64(1.0, 1.0), f64(2.0, 2.0))
    with pytest.raises(ValueError, match="`weights`"):
        space.frechet_mean(points("Normal", 2), f64(1.0, -1.0))
    with pytest.raises(ValueError, match="`vector`: expected finite numbers"):
        manifold("Gamma").exp_map(f64(1.0, 1.0), f64(float("nan"), 0.0))
    for few in (0, 1):
        with pytest.raises(ValueError, match=rf"`num_samples`: expected .*, got {few}"):
            space.sampled_metric(f64(0.0, 1.0), few)
    with pytest.raises(ValueError, match="`momentum`"):
        RiemannianSGD(space, f64(0.0, 1.0), momentum=1.0)


def test_single_precision() -> None:
    space = StatisticalManifold(dist.Dirichlet)
    p, q = f64(1.0, 2.0, 3.0).float(), f64(3.0, 0.5, 1.0).float()
    assert space.distance(p, q).dtype == torch.float32
    exact = space.distance(p.double(), q.double()).item()
    assert space.distance(p, q).item() == pytest.approx(exact, rel=1e-5)
    assert torch.allclose(space.exp_map(p, space.log_map(p, q)), q, rtol=1e-3)


def test_lists_of_distributions_are_points() -> None:
    space = manifold("Normal")
    beliefs = [dist.Normal(0.0, 1.0), dist.Normal(1.0, 2.0), dist.Normal(-1.0, 0.5)]
    together = dist.Normal(f64(0.0, 1.0, -1.0), f64(1.0, 2.0, 0.5))
    assert torch.equal(space.point(beliefs), space.point(together))
    assert torch.allclose(space.frechet_mean(beliefs), space.frechet_mean(together))
    assert torch.allclose(space.metric(beliefs), space.metric(together))
    with pytest.raises(ValueError, match="`points`: expected one point"):
        space.frechet_mean([])
    with pytest.raises(TypeError, match=r"`points\[1\]`"):
        space.frechet_mean([beliefs[0], dist.Gamma(1.0, 1.0)])


@pytest.mark.parametrize("name", CURVED)
def test_distance_has_no_slope_at_equal_points(name: str) -> None:
    """Where it has a corner, an optimizer stays; elsewhere, the gradient has unit length."""
    space, x = manifold(name), points(name, 2)
    y = x.clone().requires_grad_()
    length = space.distance(x, y)
    (slope,) = torch.autograd.grad(length.sum(), y)
    assert torch.equal(length, torch.zeros(2)) or length.max() < 1e-7
    assert torch.equal(slope, torch.zeros_like(slope))
    z = points(name, 2).requires_grad_()
    (slope,) = torch.autograd.grad(space.distance(x, z).sum(), z)
    size = space.norm(z, space.sharp(z, slope))
    assert torch.allclose(size, torch.ones(2).double(), atol=1e-6)


@pytest.mark.parametrize("alpha", [1, -1])
@pytest.mark.parametrize(
    ("family", "here", "there"),
    [
        (dist.Categorical, [0.5, 0.3], [1e-200, 0.4]),
        (dist.Bernoulli, [0.5], [1e-200]),
        (dist.Exponential, [2.0], [1e-200]),
        (dist.Gamma, [2.0, 2.0], [1e-5, 1e-5]),
    ],
)
def test_straight_geodesics_arrive_however_small_entries_are(
    family: Any, here: list[float], there: list[float], alpha: int
) -> None:
    start, end = (torch.tensor(point, dtype=torch.float64) for point in (here, there))
    curve = StatisticalManifold(family).geodesic(start, end, alpha=alpha)
    torch.testing.assert_close(curve(1.0), end, rtol=1e-12, atol=0.0)
    torch.testing.assert_close(curve(0.0), start, rtol=1e-12, atol=0.0)
