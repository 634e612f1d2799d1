"""Families by automatic differentiation, against those in closed form."""

from __future__ import annotations

import math
from typing import Any

import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.geometry import (
    Binomial,
    MultivariateNormal,
    Product,
    StatisticalManifold,
    family_of,
)
from tests.geometry.families import manifold


def normal(x: Tensor) -> Any:
    return dist.Normal(x[..., 0], x[..., 1])


def categorical(x: Tensor) -> Any:
    return dist.Categorical(logits=torch.cat([x, torch.zeros_like(x[..., :1])], -1))


def gamma(x: Tensor) -> Any:
    return dist.Gamma(x[..., 0], x[..., 1])


POINT = torch.tensor([[0.3, 0.7], [1.0, 2.0]], dtype=torch.float64)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.5])
def test_by_quantiles_as_in_closed_form(alpha: float) -> None:
    found, closed = StatisticalManifold(normal), manifold("Normal")
    assert torch.allclose(found.metric(POINT), closed.metric(POINT), rtol=1e-9, atol=1e-9)
    assert torch.allclose(
        found.christoffel(POINT, alpha), closed.christoffel(POINT, alpha), rtol=1e-8, atol=1e-8
    )
    assert torch.allclose(
        found.curvature(POINT, alpha), closed.curvature(POINT, alpha), rtol=1e-7, atol=1e-7
    )


def test_by_derivatives_of_kl_as_in_closed_form() -> None:
    found, closed = StatisticalManifold(gamma), manifold("Gamma")
    assert torch.allclose(found.metric(POINT), closed.metric(POINT), rtol=1e-9)
    for alpha in (0.0, 1.0):
        ours, theirs = found.christoffel(POINT, alpha), closed.christoffel(POINT, alpha)
        assert torch.allclose(ours, theirs, rtol=1e-8, atol=1e-8)


def test_by_a_sum_as_in_closed_form() -> None:
    found = StatisticalManifold(categorical)
    assert torch.allclose(found.curvature(POINT), torch.full((2,), 0.25), atol=1e-9)
    e_flat = found.christoffel(POINT, 1.0)  # log odds are natural coordinates
    assert e_flat.abs().max() < 1e-10
    probs = dist.Categorical(logits=torch.cat([POINT, torch.zeros(2, 1)], -1)).probs[:, :-1]
    expected = manifold("Categorical").distance(probs[0], probs[1])
    assert found.distance(POINT[0], POINT[1]).item() == pytest.approx(expected.item(), abs=1e-9)


def test_cauchy() -> None:
    space = StatisticalManifold(dist.Cauchy)
    x = torch.tensor([0.5, 2.0])
    assert torch.allclose(space.metric(x), torch.eye(2) / (2 * 4), atol=1e-9)
    assert space.curvature(x).item() == pytest.approx(-2.0, abs=1e-8)
    y = torch.tensor([1.5, 2.0])  # a half-plane, the distance is known
    expected = math.acosh(1 + 1 / (2 * 4)) / 2**0.5
    assert space.distance(x, y).item() == pytest.approx(expected, abs=1e-9)
    assert space.kl(x, y).item() == pytest.approx(math.log(1 + 1 / (4 * 4)), abs=1e-9)


def test_quantiles_at_the_end_of_the_support_are_left_out() -> None:
    """Kumaraswamy's x has a y = x^a that is Beta(1, b): for b alone, an exponential family."""
    space = StatisticalManifold(dist.Kumaraswamy)
    metric = space.metric(torch.tensor([1.3, 1.8]))
    assert metric[1, 1].item() == pytest.approx(1 / 1.8**2, rel=1e-8)
    assert metric.isfinite().all()


def test_a_log_normal_has_the_geometry_of_a_normal() -> None:
    space = StatisticalManifold(dist.LogNormal)
    assert torch.allclose(space.metric(POINT), manifold("Normal").metric(POINT), atol=1e-9)


def test_sampled_metrics_have_their_error() -> None:
    x = torch.tensor([0.3, 0.7])
    found = manifold("Normal").sampled_metric(x, 4000)
    z = (found.metric - manifold("Normal").metric(x)) / found.error
    assert z.abs().max() < 4
    assert found.error.max() < 0.25
    student = StatisticalManifold(lambda x: dist.MultivariateStudentT(3.0, x, torch.eye(2)))
    x = torch.tensor([0.0, 1.0])
    expected = 5 / 7 * torch.eye(2)  # (df + d) / (df + d + 2)
    torch.testing.assert_close(student.metric(x), expected, rtol=0, atol=0.1)
    with pytest.raises(ValueError, match="only samples tell"):
        student.log_map(x, x + 1)
    with pytest.raises(ValueError, match="only samples tell"):
        student.geodesic(x, velocity=torch.ones(2))


def test_which_family() -> None:
    assert isinstance(family_of(dist.MultivariateNormal), MultivariateNormal)
    assert isinstance(family_of(torch.distributions.Binomial(3, 0.5)), Binomial)
    inner = family_of(dist.Normal(torch.zeros(2, 3), 1.0).to_event(2))
    assert isinstance(inner, Product)
    assert inner.event_shape == (2, 3)
    assert family_of(inner) is inner
    assert family_of(dist.Chi2).name == "Chi2"  # not a Gamma, although a class derived from it
    point = inner.coordinates(dist.Normal(torch.zeros(2, 3), 1.0).to_event(2))
    assert inner.distribution(point).event_shape == (2, 3)


def test_what_is_no_family_is_named() -> None:
    with pytest.raises(TypeError, match="`family`"):
        family_of(3)
    with pytest.raises(TypeError, match="Give one of them"):
        family_of(dist.Binomial)
    with pytest.raises(TypeError, match="Give a function"):
        family_of(dist.Wishart)
    with pytest.raises(TypeError, match="independent numbers"):
        family_of(dist.Dirichlet(torch.ones(2, 3)).to_event(1))
    with pytest.raises(ValueError, match="one number of trials"):
        family_of(dist.Binomial(torch.tensor([1.0, 2.0]), torch.tensor(0.5)))


def test_student_t_distributions_of_location_and_scale_are_a_half_plane() -> None:
    """No quantiles, no KL: an integral over the density, with tails that fall slowly."""
    nu = 3.0
    space = StatisticalManifold(lambda x: dist.StudentT(nu, x[..., 0], x[..., 1].exp()))
    x, y = torch.tensor([0.0, 0.0]), torch.tensor([0.4, 0.3])
    a, b = (nu + 1) / (nu + 3), 2 * nu / (nu + 3)
    torch.testing.assert_close(
        space.metric(x), torch.diag(torch.tensor([a, b])), atol=1e-12, rtol=0
    )
    gap = a / b * 0.4**2 + math.expm1(0.3) ** 2
    length = b**0.5 * math.acosh(1 + gap / (2 * math.exp(0.3)))
    velocity = space.log_map(x, y)
    assert space.norm(x, velocity).item() == pytest.approx(length, abs=1e-9)
    torch.testing.assert_close(space.exp_map(x, velocity), y, atol=1e-9, rtol=0)


def test_angles_are_integrated_over_a_circle() -> None:
    kappa = torch.tensor(2.0)
    ratio = torch.special.i1(kappa) / torch.special.i0(kappa)
    expected = torch.diag(torch.stack([kappa * ratio, 1 - ratio / kappa - ratio.square()]))
    space = StatisticalManifold(lambda x: dist.VonMises(x[..., 0], x[..., 1]))
    found = space.metric(torch.tensor([3.0, 2.0]))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)  # digits of torch's densities


def test_counts_are_summed_as_far_as_they_go() -> None:
    space = StatisticalManifold(lambda x: dist.NegativeBinomial(5.0, x[..., 0]))
    p = 0.6
    expected = 5.0 / (p * (1 - p) ** 2)
    assert space.metric(torch.tensor([p])).item() == pytest.approx(expected, rel=1e-10)
    width = 2 * 5.0**0.5 * (math.atanh(0.6**0.5) - math.atanh(0.3**0.5))
    found = space.distance(torch.tensor([0.3]), torch.tensor([0.6]))
    assert found.item() == pytest.approx(width, abs=1e-9)


def uniform(x: Tensor) -> Any:
    return dist.Uniform(x[..., 0], x[..., 1])


@pytest.mark.parametrize("kind", [dist.Pareto, uniform])
def test_a_support_that_moves_is_refused(kind: Any) -> None:
    with pytest.raises(ValueError, match="support depends on its coordinates"):
        StatisticalManifold(kind).metric(torch.tensor([1.0, 2.0]))


def test_what_is_left_of_such_a_family_has_a_metric() -> None:
    space = StatisticalManifold(lambda x: dist.Pareto(1.0, x[..., 0]))
    assert space.metric(torch.tensor([2.0])).item() == pytest.approx(0.25, rel=1e-9)
