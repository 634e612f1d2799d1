"""What every population does: a Pyro program that all of Pyro's engines take."""

from functools import partial
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import MCMC, NUTS, SVI, Trace_ELBO, TraceEnum_ELBO, config_enumerate
from pyro.infer.autoguide import AutoIAFNormal, AutoLaplaceApproximation, AutoNormal
from pyro.infer.mcmc.util import initialize_model
from torch import Tensor

from pyro_activeinf.behavior.populations import (
    Centered,
    Conditions,
    Correlated,
    Flat,
    Hierarchical,
    Horseshoe,
    Population,
    Regression,
)
from tests.behavior.populations.programs import all_supports, model, some_choices

POPULATIONS = {
    "flat": Flat(),
    "hierarchical": Hierarchical(),
    "spread of its own": Hierarchical({"rate": dist.HalfCauchy(torch.tensor(0.5).double())}),
    "centered": Hierarchical(deviations=Centered()),
    "correlated": Hierarchical(deviations=Correlated()),
    "regression": Regression("age + group"),
    "formulas": Regression({"rate": "age"}, deviations=Centered()),
    "horseshoe": Horseshoe("age + group"),
    "conditions": Conditions("drug"),
    "conditions of some": Conditions("drug", ["rate"]),
}
SUBJECTS = 4


@pytest.fixture(params=POPULATIONS.values(), ids=POPULATIONS.keys())
def population(request: pytest.FixtureRequest) -> Population:
    return request.param


def drawn(population: Population, particles: int | None = None) -> dict[str, Tensor]:
    subjects = pyro.plate("subject", SUBJECTS, dim=-2)
    choices = some_choices(SUBJECTS)
    if particles is None:
        return population(all_supports, choices, subjects)
    with pyro.plate("particle", particles, dim=-3):
        return population(all_supports, choices, subjects)


def test_parameters_of_subjects_are_in_their_supports(population: Population) -> None:
    with poutine.trace() as tracer:
        all_supports()
    for name, value in drawn(population, particles=3).items():
        prior = tracer.trace.nodes[name]["fn"]
        assert value.shape == (3, SUBJECTS, *prior.event_shape)
        assert prior.support.check(value).all()


def test_a_site_has_the_name_of_the_parameter(population: Population) -> None:
    with poutine.trace() as tracer:
        found = drawn(population)
    for name, value in found.items():
        site = tracer.trace.nodes[name]
        assert torch.equal(site["value"].squeeze(-1 - site["fn"].event_dim), value)


def total(trace: poutine.Trace, particles: int) -> Tensor:
    """Log density of each particle, at dim -3."""
    trace.compute_log_prob()
    found = torch.zeros(particles)
    for site in trace.nodes.values():
        if site["type"] == "sample":
            log_prob = site["log_prob"]
            wide = log_prob.expand(torch.broadcast_shapes(log_prob.shape, (particles, 1, 1)))
            found = found + wide.sum((-2, -1))
    return found


def test_particles_in_one_pass_have_the_density_of_each(population: Population) -> None:
    program, choices, particles = model(population, all_supports), some_choices(SUBJECTS), 3
    with pyro.plate("particle", particles, dim=-3):
        together = poutine.trace(program).get_trace(choices)
    latent = {
        name: site
        for name, site in together.nodes.items()
        if site["type"] == "sample" and not site["is_observed"] and name not in PLATES
    }
    for i, density in enumerate(total(together, particles)):
        data = {name: one(site, i) for name, site in latent.items()}
        alone = poutine.trace(poutine.condition(program, data)).get_trace(choices)
        assert alone.log_prob_sum().item() == pytest.approx(density.item(), rel=1e-12, abs=1e-10)


PLATES = {"subject", "person", "trial", "particle"}


def one(site: dict[str, object], index: int) -> Tensor:
    """A particle of a site, without the dims of plates that are not its own."""
    value: Tensor = site["value"][index]  # type: ignore[index]
    names = {frame.name for frame in site["cond_indep_stack"]}  # type: ignore[attr-defined]
    return value if names & {"subject", "person"} else value.squeeze(0).squeeze(0)


@pytest.mark.parametrize(
    ("guide", "elbo"),
    [
        (AutoNormal, Trace_ELBO),
        (AutoNormal, partial(TraceEnum_ELBO, strict_enumeration_warning=False)),
        (AutoLaplaceApproximation, Trace_ELBO),
        (AutoIAFNormal, Trace_ELBO),
    ],
)
def test_variational_inference(population: Population, guide: Any, elbo: Any) -> None:
    program, choices = model(population), some_choices(SUBJECTS)
    loss = elbo(num_particles=5, vectorize_particles=True, max_plate_nesting=2)
    svi = SVI(program, guide(program), pyro.optim.Adam({"lr": 0.01}), loss)
    assert abs(svi.step(choices)) < 1e8


def test_nuts(population: Population) -> None:
    program, choices = model(population), some_choices(SUBJECTS)
    start, potential, _, _ = initialize_model(program, (choices,))
    start = {name: value.requires_grad_() for name, value in start.items()}
    energy = potential(start)
    gradients = torch.autograd.grad(energy, list(start.values()))
    assert all(gradient.isfinite().all() for gradient in gradients)
    chain = MCMC(
        NUTS(program, max_tree_depth=2), num_samples=2, warmup_steps=2, disable_progbar=True
    )
    chain.run(choices)
    assert all(value.isfinite().all() for value in chain.get_samples().values())


def test_enumeration_of_what_is_continuous_changes_nothing(population: Population) -> None:
    program, choices = model(population), some_choices(SUBJECTS)
    plain = poutine.trace(program).get_trace(choices)
    enumerated = poutine.enum(config_enumerate(program), first_available_dim=-3)
    again = poutine.trace(poutine.replay(enumerated, plain)).get_trace(choices)
    assert again.log_prob_sum().item() == pytest.approx(plain.log_prob_sum().item(), abs=1e-12)
