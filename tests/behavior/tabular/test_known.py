"""Learning of all trials at once: as the agent learns, and as one trial after another."""

from __future__ import annotations

import torch
from torch import Tensor

from pyro_activeinf import Agent
from pyro_activeinf.behavior import ChoiceModel, Choices
from pyro_activeinf.behavior.tabular import LearnedTables
from pyro_activeinf.behavior.tabular.known import known_states
from pyro_activeinf.behavior.tabular.record import Record
from pyro_activeinf.behavior.tabular.serial import one_after_another
from pyro_activeinf.learning import DirichletLearner, DirichletUpdate, EachStep
from pyro_activeinf.models import POMDP, CategoricalTable
from pyro_activeinf.planning import OpenLoop
from tests.behavior.tabular.by_the_agent import as_written, by_the_agent
from tests.behavior.tabular.test_fixed import SUBJECTS, TRIALS, holey, one
from tests.behavior.tabular.test_learned import drawn, parameters


def arms(theta: dict[str, Tensor], cap: float = torch.inf) -> Agent:
    """What the arms bring is learned, and the habit; which one was drawn is known."""
    model = POMDP(
        A=[CategoricalTable(theta["sure"] * torch.ones(3, 2))],
        B=[torch.eye(3)[:, None, 1:].expand(3, 3, 2)],
        C=[theta["wish"] * torch.arange(2.0)],
        D=[torch.eye(3)[0]],
        E=CategoricalTable(torch.tensor([2.0, 1.0])),
    )
    rule = DirichletUpdate(theta["rate"], theta["forgetting"], cap)
    learner = DirichletLearner(model, EachStep(), rule)
    return Agent(model, planner=OpenLoop(1, precision=2.0), action_precision=1.5, learner=learner)


def choices(trials: int = TRIALS) -> Choices:
    given = holey(trials)
    return Choices(given.actions, given.outcomes, present=given.present, starts=given.starts)


def course_and_record(cap: float = torch.inf) -> tuple[LearnedTables, Record]:
    chooser = ChoiceModel(parameters, lambda x: arms(x, cap)).chooser(drawn(2, SUBJECTS))
    assert isinstance(chooser, LearnedTables)
    return chooser, Record.of(choices(), chooser.sites, 2)


def test_agrees_with_the_agent() -> None:
    theta, data = drawn(SUBJECTS), choices()
    found = ChoiceModel(parameters, arms).log_likelihood(theta, data)
    with torch.no_grad():
        each = [by_the_agent(arms(one(theta, i)), data, i) for i in range(SUBJECTS)]
    torch.testing.assert_close(found, torch.stack(each), rtol=0, atol=1e-10)


def test_agrees_with_one_after_another() -> None:
    chooser, record = course_and_record()
    found, expected = (
        known_states(chooser.course, record),
        one_after_another(chooser.course, record),
    )
    assert found is not None
    torch.testing.assert_close(found.counts, expected.counts, rtol=0, atol=1e-12)
    torch.testing.assert_close(found.now, expected.now, rtol=0, atol=1e-12)


def test_a_cap_takes_one_after_another() -> None:
    chooser, record = course_and_record(cap=4.0)
    assert known_states(chooser.course, record) is None


def test_gradients_are_those_of_finite_differences() -> None:
    data = choices(trials=5)
    theta = {name: value.requires_grad_() for name, value in drawn(SUBJECTS).items()}

    def total(*values: Tensor) -> Tensor:
        return as_written(arms, dict(zip(theta, values, strict=True)), data)

    assert torch.autograd.gradcheck(total, tuple(theta.values()))
