"""Types of persons: against sums over all assignments, and Pyro's enumeration."""

import itertools
import math
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import MCMC, NUTS, SVI, Trace_ELBO, TraceEnum_ELBO, config_enumerate
from pyro.infer.autoguide import AutoDelta, AutoNormal
from pyro.infer.mcmc.util import initialize_model
from torch import Tensor

from pyro_activeinf.behavior import Choices, Conditions, Flat, Hierarchical, Mixture, Regression
from pyro_activeinf.behavior.chooser import walk
from tests.behavior.populations.programs import (
    agent,
    learner,
    loop_log_likelihood,
    model,
    some_choices,
)

TYPES = 3


def drawn(program: Any, choices: Choices) -> tuple[poutine.Trace, dict[str, Tensor]]:
    """A trace of a model, and the parameters in it."""
    trace = poutine.trace(program).get_trace(choices)
    subjects = pyro.plate("subject", choices.num_subjects, dim=-2)
    values = {
        name: site["value"]
        for name, site in trace.nodes.items()
        if site["type"] == "sample" and not site["is_observed"] and name not in PLATES
    }
    with poutine.block(), poutine.condition(data=values):
        return trace, program.population(program.parameters, choices, subjects)


PLATES = {"subject", "trial", *(f"person_type{k}" for k in range(TYPES))}


def by_type(choices: Choices, parameters: dict[str, Tensor]) -> Tensor:
    """log p(all choices of a subject | type), (subjects, types), in plain Python."""
    rate, temperature = parameters["rate"], parameters["temperature"]
    rows = [
        [loop_log_likelihood(choices, i, rate[i, k], temperature[i, k]) for k in range(TYPES)]
        for i in range(choices.num_subjects)
    ]
    return torch.tensor([[value.item() for value in row] for row in rows])


@pytest.mark.parametrize("of", [Hierarchical(), Flat(), Regression("age"), Conditions("drug")])
def test_likelihood_is_the_sum_over_all_assignments(of: Any) -> None:
    program, choices = model(Mixture(TYPES, of)), some_choices(4)
    trace, parameters = drawn(program, choices)
    trace.compute_log_prob()
    each, weights = by_type(choices, parameters), trace.nodes["type_weights"]["value"]
    total = math.fsum(
        math.prod(weights[k].item() * each[i, k].exp().item() for i, k in enumerate(types))
        for types in itertools.product(range(TYPES), repeat=4)
    )
    found = trace.nodes["choice"]["log_prob"].sum().item()
    assert found == pytest.approx(math.log(total), abs=1e-10)
    likelihood = program.log_likelihood(parameters, choices)
    torch.testing.assert_close(likelihood, trace.nodes["choice"]["log_prob"])
    responsibilities = program.responsibilities(parameters, choices)
    torch.testing.assert_close(responsibilities, (each + weights.log()).softmax(-1))


def enumerated(choices: Choices) -> None:
    """The same model with a discrete type of each subject, by hand."""
    weights = pyro.sample("type_weights", dist.Dirichlet(torch.ones(TYPES)))
    subjects = pyro.plate("subject", choices.num_subjects, dim=-2)
    persons: dict[str, list[Tensor]] = {"rate": [], "temperature": []}
    priors = {"rate": dist.Beta(2.0, 3.0), "temperature": dist.Gamma(4.0, 2.0)}
    maps = {"rate": (torch.logit, torch.sigmoid), "temperature": (torch.log, torch.exp)}
    for k in range(TYPES):
        for name, prior in priors.items():
            typical = pyro.sample(f"{name}_typical_type{k}", prior)
            spread = pyro.sample(f"{name}_spread_type{k}", dist.HalfNormal(1.0))
            with subjects:
                z = pyro.sample(f"{name}_z_type{k}", dist.Normal(0.0, 1.0))
            inverse, there = maps[name]
            persons[name].append(there(inverse(typical) + spread * z))
    with subjects:
        kind = pyro.sample("kind", dist.Categorical(weights), infer={"enumerate": "parallel"})
    rate, temperature = (torch.stack(persons[name], -1) for name in ("rate", "temperature"))
    index = kind.unsqueeze(-1)
    rate = rate.expand(*kind.shape[:-2], *rate.shape[-3:]) if kind.dim() > 2 else rate
    temperature = temperature.expand(rate.shape)
    index = index.expand(*rate.shape[:-1], 1)
    rate, temperature = (each.gather(-1, index).squeeze((-1, -2)) for each in (rate, temperature))
    states = walk(agent({"rate": rate, "temperature": temperature}), choices)
    log_probs = agent({"rate": rate, "temperature": temperature}).log_probs(states).movedim(0, -2)
    with subjects, pyro.plate("trial", choices.num_trials, dim=-1):
        chosen = dist.Categorical(logits=log_probs).mask(choices.counted)
        pyro.sample("choice", chosen, obs=choices.actions.clamp(min=0))


def test_variational_free_energy_is_that_of_enumeration() -> None:
    choices, program = some_choices(5), model(Mixture(TYPES))
    guide = AutoDelta(program)
    guide(choices)
    enumerate_types = TraceEnum_ELBO(max_plate_nesting=2).loss(enumerated, guide, choices)
    plain = Trace_ELBO().loss(program, guide, choices)
    loss = TraceEnum_ELBO(max_plate_nesting=2, strict_enumeration_warning=False)
    also = loss.loss(config_enumerate(program), guide, choices)
    assert plain == pytest.approx(enumerate_types, abs=1e-10)
    assert also == pytest.approx(enumerate_types, abs=1e-10)


def test_potential_energy_is_that_of_enumeration() -> None:
    choices, program = some_choices(5), model(Mixture(TYPES))
    start, potential, _, _ = initialize_model(program, (choices,))
    _, by_hand, _, _ = initialize_model(enumerated, (choices,), max_plate_nesting=2)
    for value in start.values():
        value.requires_grad_()
    found, expected = potential(start), by_hand(start)
    assert found.item() == pytest.approx(expected.item(), abs=1e-10)
    gradients = torch.autograd.grad(found, list(start.values()))
    others = torch.autograd.grad(expected, list(start.values()))
    torch.testing.assert_close(gradients, others, atol=1e-10, rtol=1e-8)


def test_engines_run() -> None:
    choices, program = some_choices(4), model(Mixture(2))
    loss = Trace_ELBO(num_particles=3, vectorize_particles=True, max_plate_nesting=2)
    assert SVI(program, AutoNormal(program), pyro.optim.Adam({"lr": 0.01}), loss).step(choices)
    chain = MCMC(
        NUTS(program, max_tree_depth=2), num_samples=2, warmup_steps=2, disable_progbar=True
    )
    chain.run(choices)
    assert chain.get_samples()["type_weights"].shape == (2, 2)


def test_particles_in_one_pass_have_the_likelihood_of_each() -> None:
    choices, program = some_choices(4), model(Mixture(TYPES))
    subjects = pyro.plate("subject", 4, dim=-2)
    with pyro.plate("particle", 2, dim=-3):
        parameters = program.population(learner, choices, subjects)
    assert parameters["rate"].shape == parameters["type_weights"].shape == (2, 4, TYPES)
    together = program.log_likelihood(parameters, choices)
    for i in range(2):
        alone = {name: value[i] for name, value in parameters.items()}
        torch.testing.assert_close(program.log_likelihood(alone, choices), together[i])


def test_one_type_is_no_mixture() -> None:
    choices = some_choices(4)
    one, parameters = model(Mixture(1)), {}
    _, parameters = drawn(one, choices)
    alone = {name: value[:, 0] for name, value in parameters.items() if name != "type_weights"}
    expected = model(Hierarchical()).log_likelihood(alone, choices)
    torch.testing.assert_close(one.log_likelihood(parameters, choices), expected)


def test_vector_parameters_have_types_first() -> None:
    def program() -> None:
        pyro.sample("both", dist.Beta(2.0, torch.tensor([1.0, 2.0])).to_event(1))

    mixture = Mixture(TYPES)
    found = mixture(program, some_choices(4), pyro.plate("subject", 4, dim=-2))
    assert found["both"].shape == (4, TYPES, 2)
    moved, log_weights = mixture.by_type(found, mixture.events({"both": 1}))
    assert moved["both"].shape == (TYPES, 4, 2)
    assert log_weights.shape == (TYPES, 4)
    assert torch.equal(moved["both"][1, 2], found["both"][2, 1])


def test_types_with_programs_of_their_own() -> None:
    def low() -> None:
        pyro.sample("rate", dist.Uniform(0.0, 0.1))
        pyro.sample("temperature", dist.Gamma(4.0, 2.0))

    def high() -> None:
        pyro.sample("rate", dist.Uniform(0.9, 1.0))
        pyro.sample("temperature", dist.Gamma(4.0, 2.0))

    _, parameters = drawn(model(Mixture([low, high])), some_choices(4))
    assert (parameters["rate"][:, 0] < 0.1).all()
    assert (parameters["rate"][:, 1] > 0.9).all()


def test_programs_with_other_sites_are_refused() -> None:
    def other() -> None:
        pyro.sample("speed", dist.Beta(2.0, 2.0))

    with pytest.raises(ValueError, match=r"`types`.*same sites.*\['speed'\]"):
        model(Mixture([learner, other]))(some_choices())


def test_responsibilities_are_of_mixtures() -> None:
    with pytest.raises(ValueError, match="a Mixture"):
        model(Flat()).responsibilities({}, some_choices())


@pytest.mark.parametrize("types", [0, []])
def test_no_types_are_refused(types: Any) -> None:
    with pytest.raises(ValueError, match="types"):
        Mixture(types)
