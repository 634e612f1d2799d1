"""Passage times: against Navarro and Fuss' series with many terms, and a simulated diffusion."""

import math

import pytest
import scipy.integrate
import scipy.stats
import torch

from pyro_activeinf.behavior.response_times import DriftDiffusion
from pyro_activeinf.behavior.response_times.drift_diffusion import (
    PassageTime,
    _large,
    _small,
    log_driftless,
)


def defective(t: float, drift: float, boundary: float, upper: bool) -> float:
    """Density of passing one boundary at t, from the middle: 200 terms of the series in time."""
    v = -drift if upper else drift
    u = t / boundary**2
    images = [(0.5 + 2 * k) * math.exp(-((0.5 + 2 * k) ** 2) / (2 * u)) for k in range(-100, 101)]
    series = math.fsum(images) / math.sqrt(2 * math.pi * u**3)
    return math.exp(-v * boundary / 2 - v**2 * t / 2) / boundary**2 * series


@pytest.mark.parametrize("probability", [0.2, 0.5, 0.9])
def test_times_and_choices_are_those_of_one_diffusion(probability: float) -> None:
    boundary = 1.3
    log_probs = torch.tensor([[[probability, 1 - probability]]]).log().expand(1, 2, 2)
    both = DriftDiffusion(torch.tensor([boundary]), torch.tensor([0.0]))
    of = both.distribution(log_probs, torch.tensor([[0, 1]]))
    drift = math.log(probability / (1 - probability)) / boundary
    upper = scipy.integrate.quad(defective, 1e-9, 40, (drift, boundary, True), epsabs=1e-12)[0]
    assert upper == pytest.approx(probability, abs=1e-9)
    for t in (0.05, 0.3, 0.8, 0.9, 2.0):
        found = (of.log_prob(torch.tensor([[t, t]])).exp()[0] * log_probs[0, 0].exp()).tolist()
        expected = [defective(t, drift, boundary, side) for side in (True, False)]
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_both_series_agree_where_they_meet() -> None:
    s = torch.linspace(0.25, 0.8, 30)
    torch.testing.assert_close(_small(s), _large(s), rtol=1e-12, atol=1e-12)


def test_very_early_times_have_a_finite_logarithm() -> None:
    s = torch.tensor([1e-4, 1e-2, 100.0], requires_grad=True)
    found = log_driftless(s)
    (gradient,) = torch.autograd.grad(found.sum(), s)
    assert found.isfinite().all()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("odds", [0.0, -1.0, 4.0, 30.0])
def test_mean_of_draws(odds: float) -> None:
    of = PassageTime(0.8, torch.tensor([odds]), 0.1)
    drawn = of.sample((20_000,))
    error = drawn.std().item() / 20_000**0.5
    assert drawn.mean().item() == pytest.approx(of.mean.item(), abs=4 * error)


@pytest.mark.parametrize("odds", [0.0, 3.0, 30.0])
def test_draws_have_the_distribution(odds: float) -> None:
    of = PassageTime(0.8, torch.tensor([odds]), 0.1)
    drawn = of.sample((4000,)).squeeze()
    top = 0.1 + 15 * (of.mean.item() - 0.1)
    grid = torch.linspace(0.1 + 1e-9, top, 40_001)
    below = torch.cumulative_trapezoid(of.log_prob(grid.unsqueeze(-1)).exp().squeeze(), grid)
    places = torch.searchsorted(grid[1:], drawn).clamp(max=39_999)
    assert scipy.stats.kstest(below[places].numpy(), "uniform").pvalue > 0.01


def test_more_than_two_actions_are_refused() -> None:
    of = DriftDiffusion(torch.ones(1), torch.zeros(1))
    with pytest.raises(ValueError, match=r"`actions`: expected 2.*got 3.*ShiftedWald"):
        of.distribution(torch.zeros(1, 1, 3), torch.zeros(1, 1, dtype=torch.long))
