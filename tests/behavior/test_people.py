"""A graph of the function from parameters to agents: the same persons, or the function itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pyro_activeinf.behavior import RescorlaWagner
from pyro_activeinf.behavior.people import PLAIN_CALLS, People
from tests.behavior.tabular import test_fixed, test_learned

EVENTS = {"rate": 0, "beta": 0}
CALLS = PLAIN_CALLS + 3


def theta(*batch: int) -> dict[str, Tensor]:
    return {"rate": torch.rand(batch), "beta": torch.rand(batch)}


def often(people: People, batch: int = 3) -> None:
    for _ in range(PLAIN_CALLS + 1):
        people(theta(batch))


@pytest.mark.parametrize(
    ("build", "draw"),
    [(test_fixed.bandit, test_fixed.drawn), (test_learned.counting, test_learned.drawn)],
)
def test_a_graph_makes_the_same_agents(build, draw) -> None:  # type: ignore[no-untyped-def]
    people = People(build, dict.fromkeys(draw(), 0))
    for call in range(CALLS):
        if call in range(1, PLAIN_CALLS):
            people(draw(2, 3))
            continue
        given = {name: value.requires_grad_() for name, value in draw(2, 3).items()}
        before = torch.get_rng_state()
        found, expected = people(given), people._as_written(given)
        assert torch.equal(before, torch.get_rng_state())
        grads = []
        for chooser in (found, expected):
            log_probs = chooser.log_probs(chooser.initial())
            total = log_probs.tanh().sum()
            leaves = list(given.values())
            grads.append([log_probs, *torch.autograd.grad(total, leaves, materialize_grads=True)])
        torch.testing.assert_close(grads[0], grads[1], rtol=0, atol=1e-12)
    assert [graph is not None for graph in people._graphs.values()] == [True]


def test_what_the_function_holds_on_to_is_followed() -> None:
    factor = torch.tensor(2.0)

    def build(values: dict[str, Tensor]) -> RescorlaWagner:
        return RescorlaWagner(values["rate"] * factor, values["beta"])

    people = People(build, EVENTS)
    often(people)
    given = theta(3)
    torch.testing.assert_close(people(given).learning_rate, 2 * given["rate"])
    factor.fill_(3.0)
    torch.testing.assert_close(people(given).learning_rate, 3 * given["rate"])
    factor = torch.tensor(4.0)
    torch.testing.assert_close(people(given).learning_rate, 4 * given["rate"])


def test_another_way_is_run_as_written() -> None:
    def build(values: dict[str, Tensor]) -> RescorlaWagner:
        sign = 1.0 if bool(values["beta"] > 0) else -1.0
        return RescorlaWagner(sign * values["rate"], values["beta"])

    people = People(build, EVENTS)
    often(people)
    given = {name: -value - 0.1 for name, value in theta(3).items()}
    assert all(graph is not None for graph in people._graphs.values())
    torch.testing.assert_close(people(given).learning_rate, -given["rate"])


def test_random_functions_are_run_as_written() -> None:
    def build(values: dict[str, Tensor]) -> RescorlaWagner:
        return RescorlaWagner(values["rate"] + torch.rand(()), values["beta"])

    people = People(build, EVENTS)
    often(people)
    given = theta(3)
    first, second = people(given).learning_rate, people(given).learning_rate
    assert not torch.allclose(first, second)


def test_wrong_arguments_are_refused_as_they_would_be() -> None:
    def build(values: dict[str, Tensor]) -> RescorlaWagner:
        if bool(values["beta"] < 0):
            raise ValueError("beta")
        return RescorlaWagner(values["rate"], values["beta"])

    people = People(build, EVENTS)
    often(people)
    with pytest.raises(ValueError, match="beta"):
        people({name: -value for name, value in theta(3).items()})
