"""What holds for every chooser: one suite over a registry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyro
import pytest
import torch

from pyro_activeinf.behavior import Choices
from pyro_activeinf.behavior.simulate import Simulation, simulate
from tests.behavior.choosers import CASES, Case


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
def simulation(case: Case) -> Simulation:
    return simulate(case.model(), case.task(), subjects=3, trials=12)


def sliced(choices: Choices, subjects: Any = slice(None), trials: Any = slice(None)) -> Choices:
    """Some of the subjects and trials."""

    def cut(values: Any) -> Any:
        return {name: value[subjects, trials] for name, value in values.items()}

    return Choices(
        choices.actions[subjects, trials],
        outcomes=cut(choices.outcomes),
        cues=cut(choices.cues),
        present=choices.present[subjects, trials],
        starts=choices.starts[subjects, trials],
    )


def test_simulated_choices_give_back_their_probabilities(case: Case) -> None:
    found = simulate(case.model(), case.task(), subjects=4, trials=15)
    told = case.model().log_probs(found.parameters, found.choices)
    torch.testing.assert_close(told, found.log_probs, atol=1e-12, rtol=0)
    torch.testing.assert_close(told.exp().sum(-1), torch.ones(4, 15), atol=1e-12, rtol=0)


def test_persons_do_not_know_of_each_other(case: Case, simulation: Simulation) -> None:
    model, together = case.model(), simulation.choices
    whole = model.log_probs(simulation.parameters, together)
    for i in range(3):
        alone = {site: value[i : i + 1] for site, value in simulation.parameters.items()}
        own = model.log_probs(alone, sliced(together, slice(i, i + 1)))
        torch.testing.assert_close(own[0], whole[i], atol=1e-12, rtol=0)


def test_draws_are_a_batch_on_the_left(case: Case, simulation: Simulation) -> None:
    model, choices = case.model(), simulation.choices
    both = [simulation.parameters, simulate(model, case.task(), subjects=3, trials=1).parameters]
    stacked = {site: torch.stack([each[site] for each in both]) for site in both[0]}
    whole = model.log_probs(stacked, choices)
    assert whole.shape == (2, 3, 12, case.actions)
    for i, each in enumerate(both):
        torch.testing.assert_close(whole[i], model.log_probs(each, choices), atol=1e-12, rtol=0)


def test_a_session_begins_as_the_first_did(case: Case, simulation: Simulation) -> None:
    model, starts = case.model(), simulation.choices.starts.clone()
    starts[:, 5] = True
    again = model.log_probs(simulation.parameters, replace(simulation.choices, starts=starts))
    later = model.log_probs(simulation.parameters, sliced(simulation.choices, trials=slice(5, 12)))
    torch.testing.assert_close(again[:, 5:], later, atol=1e-12, rtol=0)


def test_rows_that_are_no_trials_do_not_matter(case: Case, simulation: Simulation) -> None:
    """A trial without an action is as if it had been left out."""
    model, choices = case.model(), simulation.choices
    actions = choices.actions.clone()
    actions[:, 4] = -1
    rest = [t for t in range(12) if t != 4]
    gapped = model.log_probs(simulation.parameters, replace(choices, actions=actions))
    short = model.log_probs(simulation.parameters, sliced(choices, trials=rest))
    torch.testing.assert_close(gapped[:, rest], short, atol=1e-12, rtol=0)
    likelihood = model.log_likelihood(simulation.parameters, replace(choices, actions=actions))
    assert bool((likelihood[:, 4] == 0).all())


def test_missing_outcomes_are_borne(case: Case, simulation: Simulation) -> None:
    """As integers and as reals alike; what follows is finite, with finite gradients."""
    outcome = simulation.choices.outcomes["outcome"].clone()
    outcome[0, 3] = outcome[2, 0] = -1
    real = torch.where(outcome < 0, torch.nan, outcome.double())
    found = []
    for values in (outcome, real):
        theta = {k: v.detach().clone().requires_grad_() for k, v in simulation.parameters.items()}
        choices = replace(simulation.choices, outcomes={"outcome": values})
        total = case.model().log_likelihood(theta, choices)
        total.sum().backward()
        assert all(bool(v.grad.isfinite().all()) for v in theta.values() if v.grad is not None)
        found.append(total)
    assert bool(found[0].isfinite().all())
    torch.testing.assert_close(*found, atol=1e-12, rtol=0)


def test_gradients_are_those_of_differences(case: Case, simulation: Simulation) -> None:
    model, choices = case.model(), simulation.choices
    names = list(simulation.parameters)
    values = tuple(simulation.parameters[n].clone().requires_grad_() for n in names)

    def total(*given: torch.Tensor) -> torch.Tensor:
        return model.log_likelihood(dict(zip(names, given, strict=True)), choices).sum()

    assert torch.autograd.gradcheck(total, values, atol=1e-6)


def test_the_seed_decides(case: Case) -> None:
    found = []
    for seed in (1, 1, 2):
        pyro.set_rng_seed(seed)
        found.append(simulate(case.model(), case.task(), subjects=3, trials=20).choices.actions)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
