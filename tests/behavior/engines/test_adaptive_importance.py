from __future__ import annotations

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.behavior import ChoiceModel, Choices, fit, simulate
from pyro_activeinf.behavior.engines import AdaptiveImportance
from pyro_activeinf.behavior.engines.adaptive_importance import Student, effective, flattened
from pyro_activeinf.behavior.peers import RescorlaWagner, WinStayLoseShift
from pyro_activeinf.behavior.tasks import ReversalLearning


def chances() -> None:
    pyro.sample("stay", dist.Beta(2.0, 1.0))
    pyro.sample("shift", dist.Beta(1.0, 3.0))


def learner() -> None:
    pyro.sample("rate", dist.Beta(1.5, 1.5))
    pyro.sample("beta", dist.Gamma(2.0, 0.7))


STAY = ChoiceModel(chances, lambda p: WinStayLoseShift(p["stay"], p["shift"]))
LEARN = ChoiceModel(learner, lambda p: RescorlaWagner(p["rate"], p["beta"]))


def counts(choices: Choices) -> Tensor:
    """How often each subject stayed and shifted, after rewards and without, ``(4, subjects)``."""
    won = choices.outcomes["outcome"][:, :-1] == 1
    stayed = choices.actions[:, 1:] == choices.actions[:, :-1]
    return torch.stack([(a & b).sum(1) for a in (won, ~won) for b in (stayed, ~stayed)])


def test_it_is_the_posterior_of_counts() -> None:
    """Means, deviations and evidence of beta posteriors in closed form."""
    choices = simulate(STAY, ReversalLearning(), subjects=10, trials=60).choices
    found = fit(STAY, choices, AdaptiveImportance(draws=8000, proposals=1000), progress=False)
    n = counts(choices).double()
    exact = {
        "stay": dist.Beta(2.0 + n[0], 1.0 + n[1]),
        "shift": dist.Beta(1.0 + n[3], 3.0 + n[2]),
    }
    for site, posterior in exact.items():
        drawn = found.parameters[site][0]
        away = (drawn.mean(0) - posterior.mean) / posterior.stddev
        assert float(away.abs().max()) < 5 / 60  # of about 4000 effective draws
        assert float((drawn.std(0) / posterior.stddev - 1).abs().max()) < 0.08
    one, three = torch.tensor(1.0), torch.tensor(3.0)
    told = torch.tensor(0.5).log()
    told = told + _log_beta(2 + n[0], 1 + n[1]) - _log_beta(2 * one, one)
    told = told + _log_beta(1 + n[3], 3 + n[2]) - _log_beta(one, three)
    torch.testing.assert_close(found.found.log_evidence, told, atol=0.08, rtol=0)
    assert float(found.found.by_subject["effective"].min()) > 1000
    assert float(found.found.pareto_k.max()) < 0.5


def _log_beta(a: Tensor, b: Tensor) -> Tensor:
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)


def test_it_is_the_posterior_of_a_learner_by_quadrature() -> None:
    choices = simulate(LEARN, ReversalLearning(), subjects=3, trials=40).choices
    found = fit(LEARN, choices, AdaptiveImportance(draws=8000, proposals=1000), progress=False)
    rate, beta = torch.linspace(0.002, 0.998, 120), torch.linspace(0.02, 25.0, 150)
    grid = {"rate": rate[:, None].expand(120, 150), "beta": beta.expand(120, 150)}
    flat = {site: value.reshape(-1, 1).expand(-1, 3) for site, value in grid.items()}
    density = LEARN.log_likelihood(flat, choices).sum(-1)
    density = density + dist.Beta(1.5, 1.5).log_prob(flat["rate"])
    density = density + dist.Gamma(2.0, 0.7).log_prob(flat["beta"])
    weights = density.softmax(0)
    for site, value in flat.items():
        mean = (weights * value).sum(0)
        spread = (weights * (value - mean) ** 2).sum(0).sqrt()
        drawn = found.parameters[site][0]
        assert float(((drawn.mean(0) - mean) / spread).abs().max()) < 0.1


def test_subjects_are_drawn_apart() -> None:
    """Draws of two subjects are not correlated, though a draw has both."""
    choices = simulate(STAY, ReversalLearning(), subjects=2, trials=30).choices
    drawn = fit(STAY, choices, AdaptiveImportance(draws=4000), progress=False).parameters["stay"][0]
    assert abs(float(torch.corrcoef(drawn.T)[0, 1])) < 5 / 4000**0.5


def test_the_t_has_its_density() -> None:
    """Against torch's own in one dimension, and by its draws in two."""
    one = Student(torch.tensor([[0.5]]), torch.tensor([[[2.0]]]), 5.0)
    z = torch.linspace(-3, 3, 7).reshape(-1, 1, 1)
    expected = dist.StudentT(5.0, 0.5, 2.0).log_prob(z.squeeze(-1))
    torch.testing.assert_close(one.log_prob(z), expected)
    cholesky = torch.tensor([[[1.0, 0.0], [0.7, 0.5]]])
    two = Student(torch.zeros(1, 2), cholesky, 5.0)
    drawn = two.sample(40_000)
    broad = dist.MultivariateNormal(torch.zeros(2), 4 * torch.eye(2))
    inside = (broad.log_prob(drawn) - two.log_prob(drawn)).exp().mean()
    assert float(inside) == pytest.approx(1.0, abs=0.05)
    covariance = drawn[:, 0].T.cov() * 3 / 5
    torch.testing.assert_close(covariance, (cholesky @ cholesky.mT)[0], atol=0.05, rtol=0)


def test_weights_are_flattened_where_few_count() -> None:
    log_weights = torch.stack([torch.linspace(-200, 0, 100), torch.zeros(100)], 1)
    found = effective(flattened(log_weights, 20.0))
    assert float(found[0]) == pytest.approx(20.0, rel=0.01)
    assert float(found[1]) == pytest.approx(100.0)
