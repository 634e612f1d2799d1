from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import dblquad, quad
from scipy.stats import dirichlet

from pyro_activeinf.filters import InverseCounts, MutualInformation
from pyro_activeinf.filters.novelty_rules import after_draws
from tests.oracles import assert_close


def entropy(probs: np.ndarray) -> float:
    positive = probs[probs > 0]
    return float(-(positive * np.log(positive)).sum())


@pytest.mark.parametrize("a", [(1.0, 1.0), (0.5, 3.0), (7.0, 2.5), (40.0, 1.0)])
def test_two_outcomes_against_quadrature(a: tuple[float, float]) -> None:
    def integrand(p: float) -> float:
        return entropy(np.array([p, 1 - p])) * float(dirichlet.pdf([p, 1 - p], a))

    mean = quad(integrand, 0, 1, epsabs=1e-11, limit=200)[0]
    expected = entropy(np.array(a) / sum(a)) - mean
    assert_close(MutualInformation()(torch.tensor(a)), expected, 1e-8)


def test_three_outcomes_against_quadrature() -> None:
    a = np.array([1.5, 2.0, 4.0])
    log_norm = math.lgamma(a.sum()) - sum(map(math.lgamma, a))

    def integrand(y: float, x: float) -> float:  # theta = x, (1 - x) y, rest
        theta = np.array([x, (1 - x) * y, (1 - x) * (1 - y)])
        density = np.exp(log_norm) * np.prod(theta ** (a - 1)) * (1 - x)
        return entropy(theta) * float(density)

    mean = dblquad(integrand, 0, 1, 0, 1, epsabs=1e-8)[0]
    expected = entropy(a / a.sum()) - mean
    assert_close(MutualInformation()(torch.as_tensor(a)), expected, 1e-6)


def test_five_outcomes_against_sampling() -> None:
    a = torch.tensor([0.3, 1.0, 2.0, 0.7, 5.0])
    draws = torch.distributions.Dirichlet(a).sample((20_000,))
    each = -torch.special.entr(draws).sum(-1) + torch.special.entr(a / a.sum()).sum()
    error = each.std() / math.sqrt(len(each))
    assert abs(float(MutualInformation()(a) - each.mean())) < 3 * float(error)


def test_the_gain_is_that_of_the_posterior() -> None:
    a = torch.tensor([0.3, 1.0, 2.0])
    prior = torch.distributions.Dirichlet(a)
    gain = sum(
        float(p) * torch.distributions.kl_divergence(torch.distributions.Dirichlet(a + e), prior)
        for p, e in zip(a / a.sum(), torch.eye(3), strict=True)
    )
    assert_close(MutualInformation()(a), float(gain), 1e-12)


@pytest.mark.parametrize("rule", [MutualInformation(), InverseCounts()])
def test_impossible_outcomes_tell_nothing(rule: MutualInformation) -> None:
    assert_close(rule(torch.tensor([2.0, 0.0, 1.0])), rule(torch.tensor([2.0, 1.0])), 1e-14)
    assert rule(torch.tensor([3.0, 0.0])) == 0


def test_the_approximation_is_good_for_large_counts() -> None:
    a = torch.tensor([[300.0, 500.0, 400.0], [3.0, 5.0, 4.0]])
    ratio = InverseCounts()(a) / MutualInformation()(a)
    assert abs(float(ratio[0]) - 1) < 0.01 < abs(float(ratio[1]) - 1)
    w = 0.5 * (1 / a - 1 / a.sum(-1, keepdim=True))
    assert_close(InverseCounts()(a), (a / a.sum(-1, keepdim=True) * w).sum(-1), 1e-12)


def test_two_draws_are_as_good_as_both_of_them_together() -> None:
    a = torch.tensor([0.4, 2.0, 1.0])
    joint = a[:, None] * (a + torch.eye(3)) / (a.sum() * (a.sum() + 1))
    mean = torch.special.entr(a / a.sum()).sum() - MutualInformation()(a)  # E[H(theta)]
    expected = torch.special.entr(joint).sum() - 2 * mean
    assert_close(MutualInformation()(a) + after_draws(MutualInformation(), a, 1), expected, 1e-12)
