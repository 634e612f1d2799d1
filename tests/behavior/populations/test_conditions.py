"""Parameters that differ between conditions: against a program written by hand."""

from dataclasses import replace

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine

from pyro_activeinf.behavior import Choices, Conditions, split
from tests.behavior.populations.programs import (
    learner,
    loop_log_likelihood,
    model,
    some_choices,
)


def three_conditions() -> Choices:
    drug = torch.tensor([[0, 0, 1, 1, 2, 2], [2, 2, 1, 1, 0, 0], [0, 1, 0, 1, 0, 1]])
    levels = {"drug": ("off", "on", "double")}
    return split(replace(some_choices(3), conditions={"drug": drug}, levels=levels), "drug")


def by_hand(choices: Choices) -> None:
    persons = [0, 0, 0, 1, 1, 1, 2, 2]
    codes = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    rate = pyro.sample("rate_typical", dist.Beta(2.0, 3.0)).logit()
    temperature = pyro.sample("temperature_typical", dist.Gamma(4.0, 2.0)).log()
    rate_spread = pyro.sample("rate_spread", dist.HalfNormal(1.0))
    temperature_spread = pyro.sample("temperature_spread", dist.HalfNormal(1.0))
    effects = pyro.sample("rate_effects", dist.Normal(torch.zeros(2), 1.0).to_event(1))
    within = pyro.sample("rate_within", dist.HalfNormal(0.5))
    with pyro.plate("person", 3, dim=-2):
        of_rate = pyro.sample("rate_person_z", dist.Normal(0.0, 1.0)).squeeze(-1)
        of_temperature = pyro.sample("temperature_person_z", dist.Normal(0.0, 1.0)).squeeze(-1)
    with pyro.plate("subject", 8, dim=-2):
        z = pyro.sample("rate_z", dist.Normal(0.0, 1.0)).squeeze(-1)
    for i, (person, condition) in enumerate(zip(persons, [0, 1, 2, 0, 1, 2, 0, 1], strict=True)):
        moved = (codes[condition] * effects).sum()
        a = rate + rate_spread * of_rate[person] + moved + within * z[i]
        b = temperature + temperature_spread * of_temperature[person]
        pyro.factor(f"{i}", loop_log_likelihood(choices, i, a.sigmoid(), b.exp()))


def test_density_is_that_of_a_program_by_hand() -> None:
    choices = three_conditions()
    assert choices.covariates["drug"] == ("off", "on", "double") * 2 + ("off", "on")
    expected = poutine.trace(by_hand).get_trace(choices)
    program = model(Conditions("drug", ["rate"]))
    found = poutine.trace(poutine.replay(program, expected)).get_trace(choices)
    assert found.log_prob_sum().item() == pytest.approx(expected.log_prob_sum().item(), abs=1e-10)


def test_what_does_not_differ_is_the_same_in_all_conditions() -> None:
    plate = pyro.plate("subject", 8, dim=-2)
    found = Conditions("drug", ["rate"])(learner, three_conditions(), plate)
    assert list(found) == ["rate", "temperature"]
    assert found["temperature"][:3].unique().numel() == 1
    assert found["rate"].unique().numel() == 8


def test_choices_that_were_not_split_are_refused() -> None:
    choices = replace(some_choices(), covariates={"age": torch.zeros(4)})
    with pytest.raises(ValueError, match=r"split\(choices, 'drug'\)"):
        model(Conditions("drug"))(choices)


def test_parameters_are_sites() -> None:
    with pytest.raises(ValueError, match=r"`parameters`.*'speed'"):
        model(Conditions("drug", ["speed"]))(three_conditions())


def test_one_level_is_no_condition() -> None:
    choices = replace(some_choices(2), covariates={"subject": ("a", "b"), "drug": ("x", "x")})
    with pytest.raises(ValueError, match="at least two levels"):
        model(Conditions("drug"))(choices)
