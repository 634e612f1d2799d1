"""Bayesian model selection for groups."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from pyro_activeinf.behavior.compare import exceedance, select

BETA_HALF = {  # scipy.stats.beta.cdf(0.5, second, first)
    (1.0, 1.0): 0.5,
    (5.0, 2.0): 0.890625,
    (2.0, 5.0): 0.109375,
}


@pytest.mark.parametrize("alpha", BETA_HALF)
def test_exceedance_of_two_models_is_a_beta_probability(alpha: tuple[float, float]) -> None:
    assert exceedance(torch.tensor(alpha))[0].item() == pytest.approx(BETA_HALF[alpha], abs=1e-12)


@pytest.mark.parametrize("alpha", [(0.3, 0.1), (0.5, 60.0), (300.0, 280.0)])
def test_exceedance_of_two_models_by_quadrature(alpha: tuple[float, float]) -> None:
    a, b = alpha
    logit = torch.linspace(0.0, 300.0, 600_001)  # r_1 > 1/2
    sigmoid = torch.nn.functional.logsigmoid
    log_density = a * sigmoid(logit) + b * sigmoid(-logit)
    normalizer = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    expected = torch.trapezoid((log_density - normalizer).exp(), logit)

    assert exceedance(torch.tensor(alpha))[0].item() == pytest.approx(expected.item(), abs=1e-6)


def test_exceedance_of_three_models_by_brute_force_over_the_simplex() -> None:
    alpha, cells = torch.tensor([3.0, 2.0, 5.0]), 1200
    middle = (torch.arange(cells) + 0.5) / cells
    first, share = torch.meshgrid(middle, middle, indexing="ij")
    rates = torch.stack([first, (1 - first) * share, (1 - first) * (1 - share)], -1)
    density = torch.distributions.Dirichlet(alpha).log_prob(rates).exp() * (1 - first)
    best = rates.argmax(-1)
    expected = torch.stack([(density * (best == k)).mean((0, 1)) for k in range(3)])

    torch.testing.assert_close(exceedance(alpha), expected, rtol=0.0, atol=2e-4)


def _exact(table: Tensor) -> float:
    """log p(y) with all ways to attribute subjects to models."""
    subjects, models = table.shape
    ways = []
    for way in itertools.product(range(models), repeat=subjects):
        counts = torch.tensor([way.count(k) for k in range(models)], dtype=table.dtype)
        prior = math.lgamma(models) - math.lgamma(models + subjects) + (1 + counts).lgamma().sum()
        ways.append(sum(table[i, k] for i, k in enumerate(way)) + prior)
    return float(torch.stack(ways).logsumexp(0))


def test_the_bound_is_below_the_evidence_and_near_it() -> None:
    table = 3.0 * torch.randn(6, 3)

    bound, exact = select(table).bound, _exact(table)

    assert exact - 1.5 < bound < exact


def test_the_bound_is_the_expectation_that_it_stands_for() -> None:
    table = torch.randn(8, 3)
    found = select(table)
    g, q = found.attributions, torch.distributions.Dirichlet(found.concentration)
    rates = q.sample((200_000,))
    prior = torch.distributions.Dirichlet(torch.ones(3))
    over_rates = rates.log() @ g.sum(0)
    terms = over_rates + prior.log_prob(rates) - q.log_prob(rates)
    expected = (g * table).sum() - torch.xlogy(g, g).sum() + terms.mean()

    assert found.bound == pytest.approx(expected.item(), abs=0.02)


def test_the_fixed_point_holds() -> None:
    table = 2.0 * torch.randn(10, 4)
    found = select(table, prior=0.5)

    torch.testing.assert_close(found.concentration, 0.5 + found.attributions.sum(0))
    g = (table + found.concentration.digamma()).softmax(-1)
    torch.testing.assert_close(found.attributions, g, rtol=1e-7, atol=1e-7)


def test_without_evidence_all_models_are_equally_probable() -> None:
    found = select(torch.zeros(12, 3))

    third = torch.full((3,), 1 / 3)
    torch.testing.assert_close(found.exceedance, third)
    torch.testing.assert_close(found.protected_exceedance, third)
    torch.testing.assert_close(found.frequencies, third)
    assert found.omnibus_risk > 0.7


def test_frequencies_of_simulated_groups_are_found() -> None:
    true, subjects = torch.tensor([0.7, 0.2, 0.1]), 400
    model = torch.distributions.Categorical(true).sample((subjects,))
    table = torch.nn.functional.one_hot(model, 3) * 4.0 + torch.randn(subjects, 3)

    found = select(table)

    torch.testing.assert_close(found.frequencies, true, rtol=0.0, atol=0.06)
    assert found.exceedance[0] > 0.999
    assert found.protected_exceedance[0] > 0.999
    assert found.omnibus_risk < 1e-6


def test_what_is_common_to_all_models_of_a_subject_does_not_matter() -> None:
    table = torch.randn(7, 3)

    first, second = select(table), select(table + 1000.0 * torch.randn(7, 1))

    torch.testing.assert_close(first.concentration, second.concentration)
    assert first.omnibus_risk == pytest.approx(second.omnibus_risk, abs=1e-9)


@pytest.mark.parametrize("wrong", [torch.zeros(3), torch.zeros(3, 1), torch.full((2, 2), math.nan)])
def test_other_tables_are_refused(wrong: Tensor) -> None:
    with pytest.raises(ValueError, match="log_evidence"):
        select(wrong)


def test_priors_are_above_zero() -> None:
    with pytest.raises(ValueError, match="prior"):
        select(torch.zeros(3, 2), prior=0.0)
