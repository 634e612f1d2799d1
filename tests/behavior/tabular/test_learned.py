"""Agents that count: as the real agent learns, so do all persons at once."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pyro_activeinf import Agent
from pyro_activeinf.behavior import ChoiceModel, Choices
from pyro_activeinf.learning import DirichletLearner, DirichletUpdate, EachStep
from pyro_activeinf.models import POMDP, CategoricalTable
from pyro_activeinf.planning import OpenLoop
from tests.behavior.tabular.by_the_agent import as_written, by_the_agent
from tests.behavior.tabular.test_fixed import SUBJECTS, holey, one


def parameters() -> None:
    pyro.sample("wish", dist.Normal(0.0, 1.0))
    pyro.sample("rate", dist.Gamma(2.0, 1.0))
    pyro.sample("forgetting", dist.Beta(2.0, 2.0))
    pyro.sample("sure", dist.Gamma(2.0, 1.0))


def drawn(*batch: int) -> dict[str, Tensor]:
    return {
        "wish": torch.randn(batch),
        "rate": torch.rand(batch) + 0.5,
        "forgetting": torch.rand(batch) * 0.5,
        "sure": torch.rand(batch) + 0.5,
    }


def counting(theta: dict[str, Tensor]) -> Agent:
    """Every table is learned: the lottery, moves, the start, the habit and the wishes."""
    sure = theta["sure"]
    look = CategoricalTable(sure * torch.tensor([[3.0, 1.0], [1.0, 2.0]]))
    hint = torch.tensor([[0.7, 0.1], [0.2, 0.1], [0.1, 0.8]])
    move = CategoricalTable(1.0 + sure * torch.eye(2).unsqueeze(1).expand(2, 2, 2))
    model = POMDP(
        A=[look, hint],
        B=[move],
        C=[CategoricalTable(torch.stack([sure, 2 * sure])), theta["wish"] * torch.arange(3.0)],
        D=[CategoricalTable(torch.tensor([1.0, 2.0]))],
        E=CategoricalTable(torch.tensor([2.0, 1.0])),
    )
    rule = DirichletUpdate(rate=theta["rate"], forgetting=theta["forgetting"])
    planner = OpenLoop(2, precision=2.0)
    learner = DirichletLearner(model, EachStep(), rule)
    return Agent(model, planner=planner, action_precision=1.5, learner=learner)


@settings(max_examples=4)
@given(st.integers(0, 2**31))
def test_agrees_with_the_agent(seed: int) -> None:
    torch.manual_seed(seed)
    theta, choices = drawn(SUBJECTS), holey()
    found = ChoiceModel(parameters, counting).log_likelihood(theta, choices)
    with torch.no_grad():
        each = [by_the_agent(counting(one(theta, i)), choices, i) for i in range(SUBJECTS)]
    torch.testing.assert_close(found, torch.stack(each), rtol=0, atol=1e-10)


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(2)
    given = holey(trials=5)
    choices = Choices(
        given.actions[2:],
        {"o0": given.outcomes["o0"][2:]},
        {"o1": given.cues["o1"][2:]},
        starts=given.starts[2:],
    )
    theta = {name: value.requires_grad_() for name, value in drawn(1).items()}

    def total(*values: Tensor) -> Tensor:
        return as_written(counting, dict(zip(theta, values, strict=True)), choices)

    assert torch.autograd.gradcheck(total, tuple(theta.values()))
