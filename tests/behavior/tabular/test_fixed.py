"""Log-probabilities of choices are those of the real agent."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pyro_activeinf import Agent
from pyro_activeinf.behavior import ChoiceModel, Choices
from pyro_activeinf.behavior.choice_model import picked
from pyro_activeinf.behavior.chooser import walk
from pyro_activeinf.models import POMDP
from pyro_activeinf.planning import OpenLoop
from tests.behavior.tabular.by_the_agent import as_written, by_the_agent

SUBJECTS, TRIALS = 3, 9


def parameters() -> None:
    pyro.sample("hazard", dist.Normal(0.0, 1.0))
    pyro.sample("wish", dist.Normal(0.0, 1.0))
    pyro.sample("gamma", dist.Gamma(2.0, 1.0))
    pyro.sample("alpha", dist.Gamma(2.0, 1.0))


def drawn(*batch: int) -> dict[str, Tensor]:
    return {
        "hazard": torch.randn(batch),
        "wish": torch.randn(batch),
        "gamma": torch.rand(batch) + 0.5,
        "alpha": torch.rand(batch) + 0.5,
    }


def bandit(theta: dict[str, Tensor]) -> Agent:
    """Two arms that change places."""
    h = theta["hazard"].sigmoid()
    stay = torch.stack([torch.stack([1 - h, h]), torch.stack([h, 1 - h])])
    lottery = torch.tensor([[0.8, 0.2], [0.2, 0.8]])
    hint = torch.tensor([[0.7, 0.1], [0.2, 0.1], [0.1, 0.8]])
    model = POMDP(
        A=[lottery, hint],
        B=[torch.stack([stay, stay.flip(0)], -1)],
        C=[theta["wish"] * torch.tensor([0.0, 1.0]), torch.tensor([0.0, 0.1, 0.3])],
        E=torch.tensor([0.3, 0.7]),
    )
    planner = OpenLoop(2, precision=theta["gamma"])
    return Agent(model, planner=planner, action_precision=theta["alpha"])


def holey(trials: int = TRIALS) -> Choices:
    """Missing actions, outcomes and cues, a second session, and a short one."""
    actions = torch.randint(0, 2, (SUBJECTS, trials))
    actions[1, 4], actions[2, 2:4] = -1, -1
    starts = torch.zeros(SUBJECTS, trials, dtype=torch.bool)
    starts[:, 0], starts[2, 3], starts[0, 4] = True, True, True
    present = torch.ones(SUBJECTS, trials, dtype=torch.bool)
    present[1, 7:] = False
    return Choices(
        actions,
        outcomes={"o0": torch.randint(-1, 2, (SUBJECTS, trials))},
        cues={"o1": torch.randint(-1, 3, (SUBJECTS, trials))},
        present=present,
        starts=starts,
    )


def one(theta: dict[str, Tensor], subject: int) -> dict[str, Tensor]:
    return {name: value[subject] for name, value in theta.items()}


@settings(max_examples=10)
@given(st.integers(0, 2**31))
def test_agrees_with_the_agent(seed: int) -> None:
    torch.manual_seed(seed)
    theta, choices = drawn(SUBJECTS), holey()
    found = ChoiceModel(parameters, bandit).log_likelihood(theta, choices)
    each = [by_the_agent(bandit(one(theta, i)), choices, i) for i in range(SUBJECTS)]
    torch.testing.assert_close(found, torch.stack(each), rtol=0, atol=1e-10)


def test_step_by_step_is_the_same() -> None:
    torch.manual_seed(0)
    theta, choices = drawn(SUBJECTS), holey()
    model = ChoiceModel(parameters, bandit)
    chooser = model.chooser(theta)
    stepwise = picked(chooser.log_probs(walk(chooser, choices)).movedim(0, -2), choices)
    torch.testing.assert_close(stepwise, model.log_likelihood(theta, choices), rtol=0, atol=1e-12)


def test_draws_are_batched() -> None:
    torch.manual_seed(1)
    theta, choices = drawn(2, 4, SUBJECTS), holey()
    model = ChoiceModel(parameters, bandit)
    every = model.log_likelihood(theta, choices)
    single = model.log_likelihood({k: v[1, 2] for k, v in theta.items()}, choices)
    torch.testing.assert_close(every[1, 2], single, rtol=0, atol=1e-12)


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(2)
    choices = holey(trials=6)
    theta = {name: value.requires_grad_() for name, value in drawn(SUBJECTS).items()}

    def total(*values: Tensor) -> Tensor:
        return as_written(bandit, dict(zip(theta, values, strict=True)), choices)

    assert torch.autograd.gradcheck(total, tuple(theta.values()))
