"""The regularized horseshoe: against a program written by hand, and what it is for."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine

from pyro_activeinf.behavior import Choices, Horseshoe
from tests.behavior.populations.programs import loop_log_likelihood, model, some_choices


def by_hand(choices: Choices) -> None:
    """Piironen and Vehtari's prior over the coefficients of one parameter."""
    subjects, columns, relevant, freedom, slab_scale = choices.num_subjects, 2, 0.5, 3.0, 2.0
    typical = pyro.sample("rate_typical", dist.Beta(2.0, 3.0)).logit()
    temperature = pyro.sample("temperature_typical", dist.Gamma(4.0, 2.0)).log()
    spread = pyro.sample("rate_spread", dist.HalfNormal(1.0))
    temperature_spread = pyro.sample("temperature_spread", dist.HalfNormal(1.0))
    tau0 = relevant / (columns - relevant) * spread / math.sqrt(subjects)
    unit = pyro.sample("rate_global", dist.HalfCauchy(1.0))
    slab = pyro.sample("rate_slab", dist.InverseGamma(freedom / 2, freedom * slab_scale**2 / 2))
    local = pyro.sample("rate_local", dist.HalfCauchy(torch.ones(2)).to_event(1))
    zeta = pyro.sample("rate_standard", dist.Normal(torch.zeros(2), 1.0).to_event(1))
    tau = unit * tau0
    regularized = (slab * local**2 / (slab + tau**2 * local**2)).sqrt()
    b = tau * regularized * zeta
    age = choices.covariates["age"]
    second = torch.tensor([label == "b" for label in choices.covariates["group"]]).double()
    with pyro.plate("subject", subjects, dim=-2):
        z = pyro.sample("rate_z", dist.Normal(0.0, 1.0)).squeeze(-1)
        temperature_z = pyro.sample("temperature_z", dist.Normal(0.0, 1.0)).squeeze(-1)
    rates = (typical + b[0] * age + b[1] * second + spread * z).sigmoid()
    temperatures = (temperature + temperature_spread * temperature_z).exp()
    for i in range(subjects):
        pyro.factor(f"{i}", loop_log_likelihood(choices, i, rates[i], temperatures[i]))


def test_density_is_that_of_a_program_by_hand() -> None:
    choices = some_choices(5)
    program = model(
        Horseshoe({"rate": "age + group"}, relevant=0.5, slab_scale=2.0, slab_freedom=3.0)
    )
    expected = poutine.trace(by_hand).get_trace(choices)
    found = poutine.trace(poutine.replay(program, expected)).get_trace(choices)
    assert found.log_prob_sum().item() == pytest.approx(expected.log_prob_sum().item(), abs=1e-10)


def test_a_density_of_0_or_1_is_shrunk_to() -> None:
    """Most prior coefficients are near 0, and a few are as large as the slab allows."""
    choices = some_choices(50)
    with poutine.trace() as tracer, pyro.plate("draw", 4000, dim=-3):
        Horseshoe("age + group", spread=dist.Delta(torch.tensor(1.0)))(
            lambda: pyro.sample("rate", dist.Beta(2.0, 3.0)),
            choices,
            pyro.plate("subject", 50, dim=-2),
        )
    b = tracer.trace.nodes["rate_coefficients"]["value"].abs()
    assert b.median() < 0.2
    assert 0.5 < b.quantile(0.99) < 6.0
    assert b.shape == (4000, 1, 1, 2)


@pytest.mark.parametrize("name", ["relevant", "slab_scale", "slab_freedom"])
def test_numbers_are_positive(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Horseshoe("age", **{name: 0.0})
