"""Agents without a common form: the same answers as where there is one."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import Tensor

from pyro_activeinf import Agent
from pyro_activeinf.behavior import ChoiceModel
from pyro_activeinf.behavior.chooser import State
from pyro_activeinf.behavior.one_by_one import OneByOne
from pyro_activeinf.planning import OpenLoop
from tests.behavior.tabular import test_fixed, test_learned
from tests.behavior.tabular.test_fixed import SUBJECTS, holey


class Own(OpenLoop):
    """A planner of a user's own."""


def of_own(build: object) -> object:
    def built(theta: dict[str, Tensor]) -> Agent:
        agent = build(theta)  # type: ignore[operator]
        planner = Own(agent.planner.horizon, precision=agent.planner.precision)
        alpha = agent.action_precision
        return Agent(agent.model, planner=planner, action_precision=alpha, learner=agent.learner)

    return built


@pytest.mark.parametrize(
    ("program", "build", "draw"),
    [
        (test_fixed.parameters, test_fixed.bandit, test_fixed.drawn),
        (test_learned.parameters, test_learned.counting, test_learned.drawn),
    ],
)
def test_agrees_with_the_common_form(program, build, draw, caplog) -> None:  # type: ignore[no-untyped-def]
    theta, choices = draw(SUBJECTS), holey()
    common = ChoiceModel(program, build).log_likelihood(theta, choices)
    with caplog.at_level(logging.INFO, "pyro_activeinf"), torch.no_grad():
        found = ChoiceModel(program, of_own(build)).log_likelihood(theta, choices)
    torch.testing.assert_close(found, common, rtol=0, atol=1e-10)
    assert "Own has no form" in caplog.text


def test_gradients_flow() -> None:
    choices, theta = holey(), test_fixed.drawn(SUBJECTS)
    leaves = {name: value.requires_grad_() for name, value in theta.items()}
    found = []
    for build in (test_fixed.bandit, of_own(test_fixed.bandit)):
        total = ChoiceModel(test_fixed.parameters, build).log_likelihood(leaves, choices).sum()
        found.append(torch.autograd.grad(total, list(leaves.values())))
    torch.testing.assert_close(found[1], found[0])


def test_goes_back_where_it_has_to() -> None:
    """Answers do not depend on the order of questions, also where an agent has learned since."""
    model = ChoiceModel(test_learned.parameters, of_own(test_learned.counting))
    chooser = model.chooser(test_learned.drawn(2))
    assert isinstance(chooser, OneByOne)
    start: State = chooser.perceive(chooser.initial(), {"o1": torch.tensor([1, -1])})
    with torch.no_grad():
        first = chooser.log_probs(start)
        acted = chooser.learn(start, torch.tensor([0, 1]), {"o0": torch.tensor([1, 0])})
        second = chooser.log_probs(acted)
        again = chooser.log_probs(torch.stack([acted, start]))
    torch.testing.assert_close(again, torch.stack([second, first]), rtol=0, atol=1e-12)
    assert not torch.allclose(first, second)
