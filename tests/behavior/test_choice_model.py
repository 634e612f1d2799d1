"""The model of choices: its sites, and what is refused."""

from dataclasses import replace
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine

from pyro_activeinf.behavior import ChoiceModel, Choices, Hierarchical, Mixture
from tests.behavior.populations.programs import (
    agent,
    all_supports,
    learner,
    loop_log_likelihood,
    some_choices,
)


def test_likelihood_is_that_of_a_loop() -> None:
    choices, model = some_choices(), ChoiceModel(learner, agent)
    trace = poutine.trace(model).get_trace(choices)
    trace.compute_log_prob()
    drawn = {name: trace.nodes[name]["value"].squeeze(-1) for name in ("rate", "temperature")}
    expected = torch.stack([loop_log_likelihood(choices, i, **at(drawn, i)) for i in range(4)])
    torch.testing.assert_close(trace.nodes["choice"]["log_prob"].sum(-1), expected)
    torch.testing.assert_close(model.log_likelihood(drawn, choices).sum(-1), expected)
    assert trace.nodes["_RETURN"]["value"].shape == (4, 6)


def at(values: dict[str, Any], index: int) -> dict[str, Any]:
    return {name: value[index] for name, value in values.items()}


def test_events_are_those_of_the_sites() -> None:
    events = ChoiceModel(all_supports, agent).events
    assert events == {
        **dict.fromkeys(["rate", "temperature", "normal", "lognormal", "halfnormal"], 0),
        "interval": 0,
        "simplex": 1,
        "vector": 1,
        "rows": 2,
    }
    mixed = ChoiceModel(learner, agent, Mixture(2)).events
    assert mixed == {"rate": 1, "temperature": 1, "type_weights": 1}


def test_asking_for_events_draws_nothing_from_the_generator() -> None:
    pyro.set_rng_seed(3)
    expected = torch.rand(())
    pyro.set_rng_seed(3)
    ChoiceModel(all_supports, agent)
    assert torch.equal(torch.rand(()), expected)


def plated() -> None:
    with pyro.plate("arms", 3):
        pyro.sample("rate", dist.Beta(1.0, 1.0))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (lambda: None, "at least one sample site"),
        (lambda: pyro.sample("rate", dist.Beta(torch.ones(2), 1.0)), r"'rate'.*\(2,\).*to_event"),
        (plated, r"'rate' with batch dims \(3,\).*Beta\(\.\.\)\.to_event\(1\)"),
    ],
)
def test_programs_of_something_else_are_refused(program: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ChoiceModel(program, agent)


@pytest.mark.parametrize(("program", "function"), [(3, agent), (learner, None)])
def test_what_cannot_be_called_is_refused(program: Any, function: Any) -> None:
    with pytest.raises(TypeError, match="a Pyro program and a function"):
        ChoiceModel(program, function)


def test_a_trial_that_does_not_count_has_no_likelihood() -> None:
    choices = Choices(torch.full((2, 3), -1), {"outcome": torch.zeros(2, 3)})
    trace = poutine.trace(ChoiceModel(learner, agent, Hierarchical())).get_trace(choices)
    trace.compute_log_prob()
    assert trace.nodes["choice"]["log_prob"].tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"population": "hierarchical"}, r"`population`.*such as Hierarchical\(\).*'hierarchical'"),
        ({"population": Hierarchical}, r"`population`.*a population.*class"),
        ({"response_times": "normal"}, r"`response_times`.*a function.*'normal'"),
    ],
)
def test_options_of_another_kind_are_refused(options: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        ChoiceModel(learner, agent, **options)


def test_what_are_no_choices_are_refused() -> None:
    with pytest.raises(TypeError, match=r"`choices`: expected Choices, got \[1\]. from_dataframe"):
        ChoiceModel(learner, agent)([1])  # type: ignore[arg-type]


def test_an_action_that_the_agent_does_not_have_is_refused() -> None:
    choices = some_choices()
    more = replace(choices, actions=choices.actions + 7)
    with pytest.raises(ValueError, match=r"`actions`: expected actions below \d, .* the agent has"):
        ChoiceModel(learner, agent)(more)
