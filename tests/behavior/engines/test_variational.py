"""Variational inference of behavior."""

from __future__ import annotations

import pyro
import pytest
import torch
from pyro import poutine

from pyro_activeinf.behavior import Flow, Hierarchical, LowRank, MeanField, Variational, fit
from pyro_activeinf.behavior.engines import Family, Target
from pyro_activeinf.behavior.engines.variational import TargetGuide
from pyro_activeinf.learning import Plateau
from tests.behavior.coin import coins, log_evidence, posterior, tosses

CHOICES = tosses()


@pytest.mark.parametrize(
    "family", [MeanField(), LowRank(1), Flow(2)], ids=lambda f: type(f).__name__
)
def test_guides_come_near_the_posterior(family: Family) -> None:
    engine = Variational(family, steps=300, draws=3000, learning_rate=0.05)
    found = fit(coins(), CHOICES, engine, progress=False)
    exact = torch.distributions.Beta(*posterior(CHOICES))

    assert ((found.means["heads"] - exact.mean) / exact.stddev).abs().max() < 0.12
    assert found.quality.pareto_k is not None
    assert found.quality.pareto_k.item() < 0.7
    evidence = log_evidence(CHOICES).sum()
    torch.testing.assert_close(found.found.log_evidence[0], evidence, rtol=0.0, atol=0.05)


@pytest.mark.parametrize("particles", [0, 3])
@pytest.mark.parametrize("population", [None, Hierarchical()], ids=["flat", "hierarchical"])
def test_the_guide_scores_as_coordinates_do(population: object, particles: int) -> None:
    model = coins(population)
    target = Target(model, CHOICES)
    family = MeanField().module(torch.zeros(target.dim), torch.ones(target.dim))
    guide = TargetGuide(target, family)

    def both() -> tuple[poutine.Trace, poutine.Trace]:
        drawn = poutine.trace(guide).get_trace(CHOICES)
        return drawn, poutine.trace(poutine.replay(model, trace=drawn)).get_trace(CHOICES)

    if particles:
        with pyro.plate("particles", particles, dim=-3):
            drawn, scored = both()
    else:
        drawn, scored = both()

    z = drawn.nodes["_coordinates"]["value"].reshape(-1, target.dim)
    expected = (target.log_prob(z) - family.distribution().log_prob(z)).sum()
    torch.testing.assert_close(scored.log_prob_sum() - drawn.log_prob_sum(), expected)


def test_nothing_is_left_in_the_parameter_store() -> None:
    fit(coins(), CHOICES, Variational(steps=3, draws=5), progress=False)

    assert not list(pyro.get_param_store().keys())


def test_it_stops_where_nothing_is_gained() -> None:
    engine = Variational(steps=5000, draws=5, stop=Plateau(window=50, tolerance=0.5))

    run = fit(coins(), CHOICES, engine, progress=False).found.run

    assert run.ending == "early stop"
    assert run.steps < 1000


def test_it_goes_on_from_an_earlier_fit() -> None:
    engine = Variational(steps=200, draws=500, learning_rate=0.05)
    first = fit(coins(), CHOICES, engine, progress=False)

    second = fit(coins(), CHOICES, Variational(steps=1, draws=5), start=first, progress=False)

    assert second.found.run.losses[0] < first.found.run.losses[:5].mean()
