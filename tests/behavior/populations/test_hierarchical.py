"""Typical persons and how others deviate: against programs written by hand, and quadrature."""

from collections.abc import Callable

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import scipy.stats
import torch
from pyro import poutine
from torch import Tensor

from pyro_activeinf.behavior import Centered, Choices, Correlated, Hierarchical
from pyro_activeinf.behavior.populations import Deviations, NonCentered
from tests.behavior.populations.programs import (
    all_supports,
    learner,
    loop_log_likelihood,
    model,
    some_choices,
)


def choose(choices: Choices, rate: Tensor, temperature: Tensor) -> None:
    """The likelihood of a program written by hand."""
    for i in range(choices.num_subjects):
        found = loop_log_likelihood(choices, i, rate[i].squeeze(), temperature[i].squeeze())
        pyro.factor(f"choices_{i}", found)


def group() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return (
        pyro.sample("rate_typical", dist.Beta(2.0, 3.0)).logit(),
        pyro.sample("temperature_typical", dist.Gamma(4.0, 2.0)).log(),
        pyro.sample("rate_spread", dist.HalfNormal(1.0)),
        pyro.sample("temperature_spread", dist.HalfNormal(1.0)),
    )


def non_centered(choices: Choices) -> None:
    rate, temperature, rate_spread, temperature_spread = group()
    with pyro.plate("subject", choices.num_subjects, dim=-2):
        rate_z = pyro.sample("rate_z", dist.Normal(0.0, 1.0))
        temperature_z = pyro.sample("temperature_z", dist.Normal(0.0, 1.0))
    choose(
        choices,
        (rate + rate_spread * rate_z).sigmoid(),
        (temperature + temperature_spread * temperature_z).exp(),
    )


def centered(choices: Choices) -> None:
    rate, temperature, rate_spread, temperature_spread = group()
    logit = [dist.transforms.SigmoidTransform()]
    with pyro.plate("subject", choices.num_subjects, dim=-2):
        of_rate = dist.TransformedDistribution(dist.Normal(rate, rate_spread), logit)
        rates = pyro.sample("rate", of_rate)
        temperatures = pyro.sample("temperature", dist.LogNormal(temperature, temperature_spread))
    choose(choices, rates, temperatures)


def correlated(choices: Choices) -> None:
    rate, temperature, rate_spread, temperature_spread = group()
    factor = pyro.sample("deviations_cholesky", dist.LKJCholesky(2, torch.tensor(2.0)))
    with pyro.plate("subject", choices.num_subjects, dim=-2):
        z = pyro.sample("deviations_z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
    first = z[..., 0] * factor[0, 0]
    second = z[..., 0] * factor[1, 0] + z[..., 1] * factor[1, 1]
    choose(
        choices,
        (rate + rate_spread * first).sigmoid(),
        (temperature + temperature_spread * second).exp(),
    )


@pytest.mark.parametrize(
    ("deviations", "by_hand"),
    [(NonCentered(), non_centered), (Centered(), centered), (Correlated(), correlated)],
)
def test_density_is_that_of_a_program_by_hand(
    deviations: Deviations, by_hand: Callable[[Choices], None]
) -> None:
    choices = some_choices()
    expected = poutine.trace(by_hand).get_trace(choices)
    found = poutine.trace(
        poutine.replay(model(Hierarchical(deviations=deviations)), expected)
    ).get_trace(choices)
    replayed = {"rate_typical", "temperature_spread"} <= found.nodes.keys()
    assert replayed
    assert found.nodes["rate_typical"]["value"] is expected.nodes["rate_typical"]["value"]
    assert found.log_prob_sum().item() == pytest.approx(expected.log_prob_sum().item(), abs=1e-10)


def draws(population: Hierarchical, particles: int, subjects: int = 1) -> poutine.Trace:
    choices = Choices(torch.zeros(subjects, 1, dtype=torch.long))
    plate = pyro.plate("subject", subjects, dim=-2)
    with poutine.trace() as tracer, pyro.plate("draw", particles, dim=-3):
        population(all_supports, choices, plate)
    return tracer.trace


@pytest.mark.parametrize("deviations", [NonCentered(), Centered(), Correlated()])
def test_persons_have_the_moments_of_quadrature(deviations: Deviations) -> None:
    """E[T(T^-1(mu) + sigma z)^k] over mu, sigma and z."""
    spread, particles = 0.7, 20_000
    fixed = dist.Delta(torch.tensor(spread))
    trace = draws(Hierarchical(fixed, deviations), particles)
    z, weights = np.polynomial.hermite_e.hermegauss(60)
    weights /= weights.sum()
    quantiles, of_quantiles = np.polynomial.legendre.leggauss(200)
    quantiles, of_quantiles = (quantiles + 1) / 2, of_quantiles / 2
    rate = scipy.special.logit(scipy.stats.beta(2, 3).ppf(quantiles))
    persons = {"rate": scipy.special.expit(rate[:, None] + spread * z)}
    temperature = np.log(scipy.stats.gamma(4, scale=0.5).ppf(quantiles))
    persons["temperature"] = np.exp(temperature[:, None] + spread * z)
    for name, values in persons.items():
        found = trace.nodes[name]["value"].squeeze()
        for power in (1, 2):
            expected = of_quantiles @ (values**power) @ weights
            error = (found**power).std().item() / particles**0.5
            assert (found**power).mean().item() == pytest.approx(expected, abs=4 * error)


def test_the_typical_value_has_the_prior_of_the_program() -> None:
    trace = draws(Hierarchical(), particles=3)
    with poutine.trace() as tracer:
        all_supports()
    for name, site in tracer.trace.nodes.items():
        typical = trace.nodes[f"{name}_typical"]
        expected = site["fn"].log_prob(typical["value"])
        torch.testing.assert_close(typical["fn"].log_prob(typical["value"]), expected)


@pytest.mark.parametrize("deviations", [NonCentered(), Centered(), Correlated()])
def test_without_spread_all_are_typical(deviations: Deviations) -> None:
    tiny = dist.Delta(torch.tensor(1e-9))
    trace = draws(Hierarchical(tiny, deviations), particles=3, subjects=4)
    with poutine.trace() as tracer:
        all_supports()
    for name in tracer.trace.nodes:
        value, typical = trace.nodes[name]["value"], trace.nodes[f"{name}_typical"]["value"]
        torch.testing.assert_close(value, typical.expand_as(value), atol=1e-7, rtol=1e-7)


def test_deviations_hang_together_as_the_factor_says() -> None:
    trace = draws(Hierarchical(deviations=Correlated()), particles=2, subjects=5)
    factor, z = trace.nodes["deviations_cholesky"]["value"], trace.nodes["deviations_z"]["value"]
    deviations = torch.einsum("pij,psj->psi", factor[:, 0, 0], z[:, :, 0])
    rate, typical = trace.nodes["rate"]["value"], trace.nodes["rate_typical"]["value"]
    spread = trace.nodes["rate_spread"]["value"]
    found = (rate.logit() - typical.logit()) / spread
    torch.testing.assert_close(found.squeeze(-1), deviations[..., 0])
    correlation = trace.nodes["correlation"]["value"]
    assert torch.allclose(correlation.diagonal(dim1=-2, dim2=-1), torch.ones(()))


def test_a_spread_of_its_own_for_each_number() -> None:
    each = dist.HalfNormal(torch.tensor([1.0, 1e-9])).to_event(1)
    trace = draws(Hierarchical({"vector": each}), particles=1, subjects=50)
    value = trace.nodes["vector"]["value"].squeeze()
    assert value[:, 1].std() < 1e-6 < value[:, 0].std()


def test_a_discrete_parameter_is_refused() -> None:
    def program() -> None:
        learner()
        pyro.sample("kind", dist.Bernoulli(0.5))

    with pytest.raises(ValueError, match=r"continuous sites.*'kind' .*Flat"):
        model(Hierarchical(), program)(some_choices())


def test_a_spread_of_an_unknown_site_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`spread`.*'rate', 'temperature'.*'speed'"):
        model(Hierarchical({"speed": dist.HalfNormal(1.0)}))(some_choices())


def test_a_spread_of_another_shape_is_refused() -> None:
    three = dist.HalfNormal(torch.ones(3)).to_event(1)
    with pytest.raises(ValueError, match=r"spread of rate.*shape \(\).*event \(3,\)"):
        model(Hierarchical(three))(some_choices())


def test_a_single_number_has_nothing_to_be_correlated_with() -> None:
    with pytest.raises(ValueError, match="at least two numbers"):
        model(
            Hierarchical(deviations=Correlated()), lambda: pyro.sample("rate", dist.Beta(2.0, 3.0))
        )(some_choices())
