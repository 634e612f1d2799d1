"""Distributions of a tiny scale have the geometry of those of scale 1."""

from __future__ import annotations

import math
from typing import Any

import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.geometry import RiemannianSGD, StatisticalManifold, WassersteinGaussians

SCALES = [1e-3, 1e-30, 1e-77, 1e-103, 1e-150]
SPACE = StatisticalManifold(dist.Normal)
X, Y = torch.tensor([[0.0, 1.0], [1.0, 2.0]], dtype=torch.float64)


def equal(found: Any, expected: Any) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("scale", SCALES)
def test_normal(scale: float) -> None:
    x, y = scale * X, scale * Y
    equal(SPACE.metric(x) * scale * scale, SPACE.metric(X))
    equal(SPACE.christoffel(x, 0.3) * scale, SPACE.christoffel(X, 0.3))
    equal(SPACE.riemann(x) * scale * scale, SPACE.riemann(X))
    equal(SPACE.curvature(x, 0.5), SPACE.curvature(X, 0.5))
    equal(SPACE.sectional_curvature(x, scale * X, scale * Y), torch.tensor(-0.5))
    assert SPACE.distance(x, y).item() == pytest.approx(1.1893809314064119, rel=1e-12)
    for alpha in (-1.0, 0.0, 0.5, 1.0):
        velocity = SPACE.log_map(x, y, alpha)
        equal(velocity / scale, SPACE.log_map(X, Y, alpha))
        equal(SPACE.exp_map(x, velocity, alpha) / scale, Y)
        equal(SPACE.geodesic(x, y, alpha=alpha)(1.0) / scale, Y)


@pytest.mark.parametrize("scale", [*SCALES, 1e-300])
def test_gamma_of_a_tiny_rate(scale: float) -> None:
    space, one = StatisticalManifold(dist.Gamma), torch.ones(2)
    x, y = torch.tensor([1.0, scale]), torch.tensor([2.0, 2 * scale])
    assert space.distance(x, y).item() == pytest.approx(space.distance(one, 2 * one).item())
    assert space.curvature(x).item() == pytest.approx(space.curvature(one).item())
    torch.testing.assert_close(space.exp_map(x, space.log_map(x, y)), y, rtol=1e-9, atol=0)


@pytest.mark.parametrize("alpha", ["e", None, True, [1.0]])
def test_an_alpha_that_is_no_number_is_named(alpha: Any) -> None:
    for call in _calls(alpha):
        with pytest.raises(TypeError, match="`alpha`: expected a number, got"):
            call()


@pytest.mark.parametrize("alpha", [math.nan, math.inf])
def test_an_alpha_that_is_not_finite_is_named(alpha: float) -> None:
    for call in _calls(alpha):
        with pytest.raises(ValueError, match="`alpha`: expected a finite number, got"):
            call()


def _calls(alpha: Any) -> list[Any]:
    v = torch.ones(2)
    return [
        lambda: SPACE.christoffel(X, alpha),
        lambda: SPACE.riemann(X, alpha),
        lambda: SPACE.ricci(X, alpha),
        lambda: SPACE.curvature(X, alpha),
        lambda: SPACE.sectional_curvature(X, v, X, alpha),
        lambda: SPACE.exp_map(X, v, alpha),
        lambda: SPACE.log_map(X, Y, alpha),
        lambda: SPACE.geodesic(X, Y, alpha=alpha),
        lambda: SPACE.parallel_transport(v, SPACE.geodesic(X, Y), alpha),
        lambda: RiemannianSGD(SPACE, X, alpha=alpha),
        lambda: WassersteinGaussians().exp_map(X, v, alpha),
    ]


def test_vectors_and_times_that_are_not_finite_are_named() -> None:
    broken, word = torch.tensor([math.nan, 0.0]), "now"
    for call in (SPACE.exp_map, SPACE.norm, SPACE.flat, WassersteinGaussians().exp_map):
        with pytest.raises(ValueError, match="`vector`: expected finite numbers"):
            call(X, broken)
    with pytest.raises(ValueError, match="`time`: expected a finite number"):
        SPACE.exp_map(X, X, time=math.nan)
    with pytest.raises(TypeError, match="`time`: expected a number"):
        SPACE.exp_map(X, X, time=word)  # type: ignore[arg-type]
