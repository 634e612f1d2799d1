from __future__ import annotations

from dataclasses import replace

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.behavior import ChoiceModel, fit, identifiability, simulate
from pyro_activeinf.behavior.checks.identifiability import Identifiability
from pyro_activeinf.behavior.engines import AdaptiveImportance
from pyro_activeinf.behavior.peers import RandomChoice
from pyro_activeinf.behavior.tasks import ReversalLearning
from tests.behavior.persons import Guessing, followers

ENGINE = AdaptiveImportance(draws=1000, proposals=200, rounds=4)


def two_names(values: dict[str, Tensor]) -> RandomChoice:
    """One number that has two names."""
    both = values["a"] + values["b"]
    return RandomChoice(torch.stack([0 * both, both]))


def test_two_names_of_a_number_stand_in_for_each_other() -> None:
    """Of the sum of two standard normals all is known: correlation -1, contraction 1/2."""

    def program() -> None:
        pyro.sample("a", dist.Normal(0.0, 1.0))
        pyro.sample("b", dist.Normal(0.0, 1.0))

    model = ChoiceModel(program, two_names)
    choices = simulate(model, ReversalLearning(), {"a": 0.2, "b": 0.1}, subjects=4, trials=400)
    found = identifiability(fit(model, choices.choices, ENGINE, progress=False))
    assert found.names == ("a", "b")
    assert float(found.correlation[:, 0, 1].max()) < -0.9
    torch.testing.assert_close(found.contraction, torch.full((4, 2), 0.5), atol=0.12, rtol=0)
    assert "`a` and `b` stand in for each other" in found.advice


def test_each_parameter_is_compared_with_its_own_prior() -> None:
    """Priors of different scales, by the closed form of Fisher's information of a bias."""

    def program() -> None:
        pyro.sample("bias", dist.Normal(0.0, 0.5))
        pyro.sample("idle", dist.Normal(-30.0, 10.0))

    def build(values: dict[str, Tensor]) -> RandomChoice:
        return RandomChoice(torch.stack([0 * values["idle"], values["bias"]]))

    model = ChoiceModel(program, build)
    given = {"bias": torch.zeros(5), "idle": torch.zeros(5)}
    choices = simulate(model, ReversalLearning(), given, trials=100).choices
    found = identifiability(fit(model, choices, ENGINE, progress=False)).contraction
    information = 100 * 0.25  # of a hundred choices between equals
    expected = 1 - 1 / (1 + 0.5**2 * information)
    assert float(found[:, 0].mean()) == pytest.approx(expected, abs=0.05)
    assert float(found[:, 1].mean()) == pytest.approx(0.0, abs=0.2)


def test_what_is_known_is_said_to_be() -> None:
    simulation = simulate(followers(), ReversalLearning(), subjects=30, trials=300)
    fitted = fit(followers(), simulation.choices, ENGINE, progress=False)
    found = identifiability(fitted, simulation.parameters)
    assert float(found.contraction.median()) > 0.9
    assert float(found.z_scores.abs().mean()) == pytest.approx(0.8, abs=0.25)
    assert found.advice.startswith("Every parameter is identified")
    torch.testing.assert_close(found.correlation.diagonal(dim1=-2, dim2=-1), torch.ones(30, 2))


def test_the_prior_contracts_nothing() -> None:
    simulation = simulate(followers(), ReversalLearning(), subjects=10, trials=2)
    engine = Guessing(draws=2000)
    found = identifiability(fit(followers(), simulation.choices, engine, progress=False))
    torch.testing.assert_close(found.contraction, torch.zeros(10, 2), atol=0.3, rtol=0)
    assert "Data tell little about `stay` (median contraction" in found.advice
    assert found.z_scores is None


def test_advice_is_about_the_median_subject() -> None:
    correlation = torch.eye(2).repeat(3, 1, 1)
    correlation[:2, 0, 1] = correlation[:2, 1, 0] = -0.9
    contraction = torch.tensor([[0.9, 0.1], [0.9, 0.2], [0.9, 0.95]])
    found = Identifiability(("a", "b"), contraction, None, correlation)
    assert "little about `b` (median contraction 0.20)" in found.advice
    assert "(median correlation -0.90)" in found.advice
    assert "`a` (median contraction" not in found.advice
    assert (
        "Every"
        in replace(found, contraction=0 * contraction + 1, correlation=0 * correlation).advice
    )
