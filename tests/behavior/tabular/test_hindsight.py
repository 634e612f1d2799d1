"""Sessions that are learned from as a whole: as the real agent learns."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pyro_activeinf import Agent
from pyro_activeinf.behavior import ChoiceModel, Choices
from pyro_activeinf.behavior.chooser import walk
from pyro_activeinf.behavior.foretold import picked
from pyro_activeinf.behavior.tabular import LearnedTables
from pyro_activeinf.learning import DirichletLearner, DirichletUpdate, EachEpisode
from tests.behavior.tabular.by_the_agent import as_written, by_the_agent
from tests.behavior.tabular.test_fixed import SUBJECTS, one
from tests.behavior.tabular.test_learned import counting, drawn, parameters
from tests.behavior.tabular.test_of_agent import Linked, linked_choices

TRIALS = 9


def at_the_end(theta: dict[str, Tensor], sessions: int = 1) -> Agent:
    agent = counting(theta)
    rule = DirichletUpdate(theta["rate"], theta["forgetting"])
    learner = DirichletLearner(agent.model, EachEpisode(sessions), rule)
    return Agent(agent.model, planner=agent.planner, action_precision=1.5, learner=learner)


def by_twos(theta: dict[str, Tensor]) -> Agent:
    return at_the_end(theta, sessions=2)


def sessions(subjects: int = SUBJECTS) -> Choices:
    """Three sessions, in which steps, cues and outcomes are missing, also at the end."""
    starts = torch.zeros(subjects, TRIALS, dtype=torch.bool)
    starts[:, [0, 3, 7]] = True
    actions = torch.randint(0, 2, (subjects, TRIALS))
    actions[0, 4] = -1
    outcomes, cues = (torch.randint(-1, size, (subjects, TRIALS)) for size in (2, 3))
    outcomes[0, 1:3], cues[0, 1:3] = -1, -1  # nothing is seen up to the end of the session
    return Choices(actions, {"o0": outcomes}, {"o1": cues}, starts=starts)


@pytest.mark.parametrize("build", [at_the_end, by_twos])
def test_agrees_with_the_agent(build) -> None:  # type: ignore[no-untyped-def]
    theta, choices = drawn(SUBJECTS), sessions()
    model = ChoiceModel(parameters, build)
    found = model.log_likelihood(theta, choices)
    with torch.no_grad():
        each = [by_the_agent(build(one(theta, i)), choices, i) for i in range(SUBJECTS)]
    torch.testing.assert_close(found, torch.stack(each), rtol=0, atol=1e-10)
    chooser = model.chooser(theta)
    stepwise = picked(chooser.log_probs(walk(chooser, choices)).movedim(0, -2), choices)
    torch.testing.assert_close(stepwise, found, rtol=0, atol=1e-12)


def test_a_graph_learns_alike() -> None:
    chooser = ChoiceModel(parameters, at_the_end).chooser(drawn(SUBJECTS))
    assert isinstance(chooser, LearnedTables)
    choices = sessions()
    first, second = (chooser.log_probs(chooser.trace(choices)) for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=1e-12)


def test_linked_sites() -> None:
    def build(theta: dict[str, Tensor]) -> Agent:
        model = Linked(theta["sure"])
        agent = counting(theta)
        learner = DirichletLearner(model)
        return Agent(model, planner=agent.planner, action_precision=1.5, learner=learner)

    theta, choices = drawn(2), linked_choices()
    found = ChoiceModel(parameters, build).log_likelihood(theta, choices)
    with torch.no_grad():
        each = [by_the_agent(build(one(theta, i)), choices, i) for i in range(2)]
    torch.testing.assert_close(found, torch.stack(each), rtol=0, atol=1e-10)


def test_gradients_are_those_of_finite_differences() -> None:
    choices = sessions(1)
    theta = {name: value.requires_grad_() for name, value in drawn(1).items()}

    def total(*values: Tensor) -> Tensor:
        return as_written(at_the_end, dict(zip(theta, values, strict=True)), choices)

    assert torch.autograd.gradcheck(total, tuple(theta.values()))
