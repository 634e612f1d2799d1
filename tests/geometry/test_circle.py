"""Von Mises distributions against sums over the circle and closed forms."""

from __future__ import annotations

import math

import pyro.distributions as dist
import pytest
import torch
from torch import Tensor
from torch.special import i0, i1

from pyro_activeinf.geometry import ExponentialFamily, StatisticalManifold, family_of

FAMILY = family_of(dist.VonMises)
SPACE = StatisticalManifold(FAMILY)
POINTS = torch.tensor([[0.3, 0.05], [-2.0, 1.0], [3.0, 40.0]], dtype=torch.float64)
ANGLES = torch.arange(512, dtype=torch.float64) / 512 * 2 * math.pi


def log_density(point: Tensor) -> Tensor:
    """At all angles, ``(*batch, angles)``, without torch's own Bessel functions of 7 digits."""
    loc, concentration = point.split(1, -1)
    return concentration * (ANGLES - loc).cos() - (2 * math.pi * i0(concentration)).log()


def average(point: Tensor, values: Tensor) -> Tensor:
    return (log_density(point).exp() * values).sum(-1) * 2 * math.pi / 512


def test_metric_in_closed_form() -> None:
    kappa = POINTS[:, 1]
    ratio = i1(kappa) / i0(kappa)
    expected = torch.stack([kappa * ratio, 1 - ratio / kappa - ratio.square()], -1)
    found = SPACE.metric(POINTS)
    torch.testing.assert_close(found, torch.diag_embed(expected), rtol=1e-10, atol=1e-12)


def test_far_from_the_uniform_one_it_is_nearly_a_gaussian() -> None:
    x = torch.tensor([[0.0, 1e4], [0.0, 29.999], [0.0, 30.001]], dtype=torch.float64)
    metric = SPACE.metric(x)
    assert metric[0, 1, 1].item() == pytest.approx(1 / (2 * 1e8), rel=2e-4)
    torch.testing.assert_close(metric[1], metric[2], rtol=3e-4, atol=1e-12)
    found = SPACE.distance(x[0], torch.tensor([1e-3, 1e4], dtype=torch.float64))
    assert found.item() == pytest.approx(math.sqrt(2) * math.acosh(1 + 0.01 / 4), rel=1e-4)


def test_coordinates_and_divergences() -> None:
    assert isinstance(FAMILY, ExponentialFamily)
    natural, mean = FAMILY.natural(POINTS), FAMILY.mean(POINTS)
    torch.testing.assert_close(FAMILY.from_natural(natural), POINTS, rtol=1e-13, atol=0)
    torch.testing.assert_close(FAMILY.from_mean(mean), POINTS, rtol=1e-10, atol=0)
    summed = torch.stack([average(POINTS, f(ANGLES)) for f in (torch.cos, torch.sin)], -1)
    torch.testing.assert_close(mean, summed, rtol=0, atol=1e-12)
    p, q = POINTS, POINTS.roll(1, 0)
    expected = average(p, log_density(p) - log_density(q))
    torch.testing.assert_close(SPACE.kl(p, q), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(SPACE.bregman(q, p), expected)
    assert FAMILY.from_mean(torch.tensor([[1.0, 0.5]])).isnan().any()


def test_means_are_gradients_and_differentiable() -> None:
    natural = FAMILY.natural(POINTS).requires_grad_()
    (found,) = torch.autograd.grad(FAMILY.log_partition(natural).sum(), natural)
    torch.testing.assert_close(found, FAMILY.mean(POINTS), rtol=1e-12, atol=1e-13)
    mean = FAMILY.mean(POINTS[1]).requires_grad_()
    assert torch.autograd.gradcheck(FAMILY.from_mean, mean)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0])
def test_there_and_back(alpha: float) -> None:
    x = torch.tensor([3.0, 1.0], dtype=torch.float64)
    y = torch.tensor([-2.9, 1.5], dtype=torch.float64)  # next to it, across the cut
    velocity = SPACE.log_map(x, y, alpha)
    assert SPACE.norm(x, velocity).item() < 0.7
    torch.testing.assert_close(SPACE.exp_map(x, velocity, alpha), y, rtol=0, atol=1e-9)


def test_wrong_concentrations_are_named() -> None:
    with pytest.raises(ValueError, match="a concentration > 0"):
        SPACE.metric(torch.tensor([0.0, -1.0]))
    with pytest.raises(ValueError, match="leads outside"):
        SPACE.exp_map(POINTS[1], torch.tensor([0.0, 40.0], dtype=torch.float64), -1.0)
