"""Regression on covariates: against formulaic, and a program written by hand."""

from dataclasses import replace

import formulaic
import numpy as np
import pandas as pd
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine

from pyro_activeinf.behavior import Choices, Regression
from pyro_activeinf.behavior.populations import Correlated, design
from tests.behavior.populations.programs import (
    learner,
    loop_log_likelihood,
    model,
    some_choices,
)


@pytest.mark.parametrize(
    "formula",
    ["age", "1 + age + group", "C(group, contr.sum) * center(age)", "0 + group", "poly(age, 2)"],
)
def test_columns_are_those_of_formulaic(formula: str) -> None:
    choices = some_choices(7)
    frame = pd.DataFrame({"age": choices.covariates["age"], "group": choices.covariates["group"]})
    expected = formulaic.model_matrix(formula, frame)
    found = design(choices, formula)
    columns = [name for name in expected.columns if name != "Intercept"]
    assert list(found.columns) == columns
    np.testing.assert_allclose(found.matrix.numpy(), expected[columns].to_numpy(dtype=float))
    assert design(choices, formula) is found


def by_hand(choices: Choices) -> None:
    rate = pyro.sample("rate_typical", dist.Beta(2.0, 3.0)).logit()
    temperature = pyro.sample("temperature_typical", dist.Gamma(4.0, 2.0)).log()
    age = choices.covariates["age"]
    second = torch.tensor([label == "b" for label in choices.covariates["group"]]).double()
    rate_spread = pyro.sample("rate_spread", dist.HalfNormal(1.0))
    b = pyro.sample("rate_coefficients", dist.StudentT(3.0, 0.0, 1.0).expand([2]).to_event(1))
    temperature_spread = pyro.sample("temperature_spread", dist.HalfNormal(1.0))
    with pyro.plate("subject", choices.num_subjects, dim=-2):
        rate_z = pyro.sample("rate_z", dist.Normal(0.0, 1.0)).squeeze(-1)
        temperature_z = pyro.sample("temperature_z", dist.Normal(0.0, 1.0)).squeeze(-1)
    rates = (rate + b[0] * age + b[1] * second + rate_spread * rate_z).sigmoid()
    temperatures = (temperature + temperature_spread * temperature_z).exp()
    for i in range(choices.num_subjects):
        pyro.factor(f"{i}", loop_log_likelihood(choices, i, rates[i], temperatures[i]))


def test_density_is_that_of_a_program_by_hand() -> None:
    choices = some_choices(5)
    student = dist.StudentT(torch.tensor(3.0), torch.tensor(0.0), torch.tensor(1.0))
    program = model(Regression({"rate": "age + group"}, coefficients=student))
    expected = poutine.trace(by_hand).get_trace(choices)
    found = poutine.trace(poutine.replay(program, expected)).get_trace(choices)
    assert found.log_prob_sum().item() == pytest.approx(expected.log_prob_sum().item(), abs=1e-10)


def test_vectors_have_coefficients_for_each_number() -> None:
    choices, plate = some_choices(5), pyro.plate("subject", 5, dim=-2)
    tiny = dist.Delta(torch.tensor(1e-12))

    def program() -> None:
        pyro.sample("rows", dist.Dirichlet(torch.ones(2, 3)).to_event(1))

    with poutine.trace() as tracer:
        found = Regression("age + group", spread=tiny)(program, choices, plate)["rows"]
    b = tracer.trace.nodes["rows_coefficients"]["value"]
    assert b.shape == (2, 2, 2)  # columns, rows, K - 1
    moved = torch.einsum("sp,prk->srk", design(choices, "age + group").matrix, b)
    there = torch.distributions.biject_to(dist.constraints.simplex)
    typical = there.inv(tracer.trace.nodes["rows_typical"]["value"])
    torch.testing.assert_close(found, there(typical + moved), atol=1e-9, rtol=1e-9)


def test_correlated_deviations_go_with_covariates() -> None:
    trace = poutine.trace(model(Regression("age", deviations=Correlated()))).get_trace(
        some_choices()
    )
    assert trace.nodes["correlation"]["value"].shape == (2, 2)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("height", r"covariates \['age', 'group'.*'height'.*height.*from_dataframe"),
        ("age +* group", "incorrectly used"),
        ("age ~ group", "without a left side"),
        ("1", "at least one covariate"),
    ],
)
def test_formulas_that_cannot_be_read_are_refused(formula: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model(Regression(formula))(some_choices())


def test_a_missing_covariate_names_the_subjects() -> None:
    choices = replace(
        some_choices(3),
        covariates={"age": torch.tensor([1.0, torch.nan, 2.0])},
        subjects=("ann", "ben", "cy"),
    )
    with pytest.raises(ValueError, match=r"'age' for every subject, got none for \['ben'\]"):
        model(Regression("scale(age)"))(choices)


def test_formulas_and_priors_are_of_known_sites() -> None:
    with pytest.raises(ValueError, match=r"`formula`.*'speed'"):
        model(Regression({"speed": "age"}))(some_choices())
    with pytest.raises(ValueError, match=r"`coefficients`.*'speed'"):
        model(Regression("age", {"speed": dist.Normal(0.0, 1.0)}))(some_choices())


def test_typical_persons_are_those_without_covariates() -> None:
    choices = replace(some_choices(), covariates={"age": torch.zeros(4)})
    tiny = dist.Delta(torch.tensor(1e-12))
    with poutine.trace() as tracer:
        found = Regression("age", spread=tiny)(learner, choices, pyro.plate("subject", 4, dim=-2))
    typical = tracer.trace.nodes["rate_typical"]["value"].expand(4)
    torch.testing.assert_close(found["rate"], typical, atol=1e-9, rtol=1e-9)
