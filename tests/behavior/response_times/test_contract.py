"""What every model of response times does, and a model of behavior with it."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import scipy.integrate
import scipy.stats
import torch
from pyro import poutine
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoNormal
from torch import Tensor

from pyro_activeinf.behavior import ChoiceModel, Choices, Flat, Hierarchical, Mixture
from pyro_activeinf.behavior.response_times import (
    DriftDiffusion,
    LogNormalTimes,
    ResponseTimes,
    ShiftedWald,
    log_odds,
    surprise,
)
from tests.behavior.populations.programs import agent, learner, some_choices

Build = Callable[[Any], ResponseTimes]
KINDS: dict[str, Build] = {
    "log-normal, entropy": lambda p: LogNormalTimes(p["location"], p["slope"], p["scale"]),
    "log-normal, surprise": lambda p: LogNormalTimes(
        p["location"], p["slope"], p["scale"], difficulty=surprise
    ),
    "shifted Wald": lambda p: ShiftedWald(p["scale"], p["location"], p["slope"], p["shift"]),
    "diffusion": lambda p: DriftDiffusion(p["scale"], p["shift"]),
}


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def build(request: pytest.FixtureRequest) -> Build:
    return request.param


def program() -> None:
    learner()
    pyro.sample("location", dist.Normal(0.0, 0.3))
    pyro.sample("slope", dist.Normal(0.5, 0.2))
    pyro.sample("scale", dist.Gamma(8.0, 8.0))
    pyro.sample("shift", dist.Beta(2.0, 20.0))


def someone(seed: int = 0) -> dict[str, Tensor]:
    pyro.set_rng_seed(seed)
    with poutine.trace() as tracer:
        program()
    return {name: site["value"] for name, site in tracer.trace.nodes.items()}


def times(build: Build, probability: float) -> Any:
    """The distribution after a choice of this probability; batch (1,)."""
    log_probs = torch.tensor([[1 - probability, probability]]).log()
    return build(someone()).distribution(log_probs, torch.ones(1, dtype=torch.long))


def density(of: Any) -> Callable[[float], float]:
    return lambda t: of.log_prob(torch.tensor([t])).exp().item()


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.97])
def test_density_integrates_to_one(build: Build, probability: float) -> None:
    of = times(build, probability)
    parts = [1e-12, 0.3, 1.0, 3.0, 30.0, 3e3, 3e5]
    total = sum(
        scipy.integrate.quad(density(of), a, b, epsabs=1e-11, limit=200)[0]
        for a, b in itertools.pairwise(parts)
    )
    assert total == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("probability", [0.1, 0.97])
def test_draws_have_this_distribution(build: Build, probability: float) -> None:
    of = times(build, probability)
    drawn = of.sample((4000,)).squeeze(-1)
    assert drawn.shape == (4000,)
    top = np.quantile(drawn.numpy(), [0.1, 0.25, 0.5, 0.75, 0.9])
    lowest = getattr(of, "shift", torch.zeros(1)).item()
    for level in top:
        grid = torch.linspace(lowest + 1e-9, level, 4001).unsqueeze(-1)
        below = torch.trapezoid(of.log_prob(grid).exp().squeeze(-1), grid.squeeze(-1)).item()
        assert (drawn < level).double().mean().item() == pytest.approx(below, abs=0.04)


def with_times(choices: Choices, seed: int = 1) -> Choices:
    pyro.set_rng_seed(seed)
    seconds = torch.rand(choices.actions.shape) + 0.5
    seconds[1, 2] = torch.nan
    return replace(choices, response_times=seconds)


def test_the_second_site_is_the_density_of_each_time(build: Build) -> None:
    choices = with_times(some_choices())
    model = ChoiceModel(program, agent, response_times=build)
    trace = poutine.trace(model).get_trace(choices)
    trace.compute_log_prob()
    found = trace.nodes["response_time"]["log_prob"]
    drawn = {name: trace.nodes[name]["value"].squeeze(-1) for name in model.events}
    log_probs = model.log_probs(drawn, choices)
    for i in range(4):
        one = build({name: value[i] for name, value in drawn.items()})
        for t in range(6):
            action = choices.actions[i, t].clamp(min=0)[None]
            of = one.distribution(log_probs[i, t][None], action)
            expected = of.log_prob(choices.seconds[i, t][None]).item()
            missing = (i, t) in {(1, 2), (0, 1)}
            assert found[i, t].item() == pytest.approx(0.0 if missing else expected, abs=1e-12)
    torch.testing.assert_close(model.time_log_likelihood(drawn, choices), found)
    without = ChoiceModel(program, agent)
    torch.testing.assert_close(without.log_probs(drawn, choices), log_probs)


@pytest.mark.parametrize("population", [Flat(), Hierarchical(), Mixture(2)])
def test_gradients_are_finite(build: Build, population: Any) -> None:
    choices = with_times(some_choices())
    model = ChoiceModel(program, agent, population, response_times=build)
    loss = Trace_ELBO(num_particles=3, vectorize_particles=True, max_plate_nesting=2)
    guide = AutoNormal(model, init_scale=0.01)
    assert np.isfinite(SVI(model, guide, pyro.optim.Adam({"lr": 0.01}), loss).step(choices))
    assert all(value.isfinite().all() for value in guide.parameters())


def test_types_are_told_by_choices_and_times(build: Build) -> None:
    """The product over trials is the mixture of the types' products."""
    choices = with_times(some_choices())
    mixture = ChoiceModel(program, agent, Mixture(3), build)
    subjects = pyro.plate("subject", 4, dim=-2)
    drawn = mixture.population(program, choices, subjects)
    alone = ChoiceModel(program, agent, response_times=build)
    each = torch.stack(
        [
            alone.log_likelihood(one, choices).sum(-1)
            + alone.time_log_likelihood(one, choices).sum(-1)
            for k in range(3)
            for one in [
                {name: value[:, k] for name, value in drawn.items() if name in alone.events}
            ]
        ],
        -1,
    )
    joint = each + drawn["type_weights"].log()
    found = mixture.log_likelihood(drawn, choices) + mixture.time_log_likelihood(drawn, choices)
    torch.testing.assert_close(found.sum(-1), joint.logsumexp(-1), atol=1e-10, rtol=1e-12)
    torch.testing.assert_close(mixture.responsibilities(drawn, choices), joint.softmax(-1))


def test_times_of_types_are_drawn_from_their_mixture(build: Build) -> None:
    choices = with_times(some_choices(trials=3))
    model = ChoiceModel(program, agent, Mixture(2), build)
    drawn = model.population(program, choices, pyro.plate("subject", 4, dim=-2))
    of = model.foretell(drawn, choices).times
    sample = of.sample((2000,))
    assert sample.shape == (2000, 4, 3)
    assert of.expand((2, 4, 3)).batch_shape == (2, 4, 3)
    median = sample.median(0).values
    grid = torch.linspace(1e-6, 1.0, 2001).reshape(-1, 1, 1) * median
    below = torch.trapezoid(of.log_prob(grid).exp(), grid, dim=0)
    torch.testing.assert_close(below, torch.full_like(below, 0.5), atol=0.05, rtol=0.0)


def test_times_are_drawn_given_the_choices(build: Build) -> None:
    """Each is from the type that the choices of a person tell, all of them."""
    choices, mixture = some_choices(trials=4), Mixture(2)
    drawn = mixture(program, choices, pyro.plate("subject", 4, dim=-2))
    model = ChoiceModel(program, agent, mixture, build)
    seconds = model.draw_times({k: v.expand(2000, *v.shape) for k, v in drawn.items()}, choices)
    assert torch.equal(seconds.isfinite(), choices.counted.expand(2000, 4, 4))
    median = seconds.nanmedian(0).values.nan_to_num(1.0)
    grid = torch.linspace(-30.0, 0.0, 2001).exp().reshape(-1, 1, 1) * median
    told = ChoiceModel(program, agent, mixture).responsibilities(drawn, choices)
    alone = ChoiceModel(program, agent, response_times=build)
    below = torch.zeros(4, 4)
    for k in range(2):
        one = {name: value[:, k] for name, value in drawn.items() if name in alone.events}
        density = alone.foretell(one, choices).times.log_prob(grid).exp()
        below += told[:, k, None] * torch.trapezoid(density, grid, dim=0)
    expected = torch.full_like(below, 0.5)[choices.counted]
    torch.testing.assert_close(below[choices.counted], expected, atol=0.05, rtol=0.0)


def test_times_of_persons_who_are_as_they_are(build: Build) -> None:
    choices, model = some_choices(), ChoiceModel(program, agent, response_times=build)
    drawn = model.population(program, choices, pyro.plate("subject", 4, dim=-2))
    seconds = model.draw_times(drawn, choices)
    assert seconds.shape == (4, 6)
    found = replace(choices, response_times=seconds)
    assert model.time_log_likelihood(drawn, found)[choices.counted].isfinite().all()


def test_choices_without_times_are_refused(build: Build) -> None:
    with pytest.raises(ValueError, match=r"response times.*response_time="):
        ChoiceModel(program, agent, response_times=build)(some_choices())


def test_models_without_times_have_no_likelihood_of_them() -> None:
    with pytest.raises(ValueError, match="a model of response times"):
        ChoiceModel(program, agent).time_log_likelihood({}, some_choices())
    with pytest.raises(ValueError, match="a model of response times"):
        ChoiceModel(program, agent).draw_times({}, some_choices())


def test_something_else_is_refused() -> None:
    model = ChoiceModel(program, agent, response_times=lambda p: 3)
    with pytest.raises(TypeError, match="a function that returns ResponseTimes"):
        model(with_times(some_choices()))


def test_log_odds_are_differences_of_log_probabilities() -> None:
    log_probs = torch.randn(3, 5, 2).log_softmax(-1)
    action = torch.randint(2, (3, 5))
    difference = log_probs[..., 1] - log_probs[..., 0]
    expected = torch.where(action == 1, difference, -difference)
    torch.testing.assert_close(log_odds(log_probs, action), expected)
