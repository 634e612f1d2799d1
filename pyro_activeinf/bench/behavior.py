"""The gradient of a population's likelihood, and our side of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ..agents import Agent
from ..behavior import ChoiceModel, Choices, Chooser, RescorlaWagner
from ..learning import DirichletLearner, DirichletUpdate, EachStep
from ..models import POMDP, CategoricalTable, ReversalLearning
from ..planning import OpenLoop
from .task import Timed

Parameters = Mapping[str, Tensor]


@dataclass(frozen=True)
class Learner:
    """Who learns which of two arms is better."""

    name: str  # of LEARNERS
    states: int = 4

    def to_json(self, batch: int) -> dict[str, Any]:
        """The numbers by name."""
        return asdict(self)


def reversal(theta: Parameters) -> Agent:
    """Believes that arms change places now and then; nothing of the model is learned."""
    model = ReversalLearning(hazard=theta["rate"], preference=theta["wish"])
    return Agent(model, planner=OpenLoop(1, precision=theta["precision"]), action_precision=1.0)


def counting(theta: Parameters) -> Agent:
    """Counts what each arm brings, and forgets."""
    model = POMDP(
        A=[CategoricalTable(torch.ones(2, 2))],
        B=[torch.eye(2)[:, None].expand(2, 2, 2)],
        C=[theta["wish"] * torch.arange(2.0)],
        D=[torch.tensor([1.0, 0.0])],
        observation_names=["outcome"],
    )
    rule = DirichletUpdate(forgetting=theta["rate"])
    learner = DirichletLearner(model, EachStep(), rule)
    planner = OpenLoop(1, precision=theta["precision"])
    return Agent(model, planner=planner, action_precision=1.0, learner=learner)


def believing(theta: Parameters) -> Agent:
    """Counts what it sees of a state that is hidden, so that beliefs depend on what it learned."""
    hidden = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    model = POMDP(
        A=[CategoricalTable(torch.tensor([[2.0, 1.0], [1.0, 2.0]]))],
        B=[torch.stack([hidden, hidden.flip(0)], -1)],
        C=[theta["wish"] * torch.arange(2.0)],
        observation_names=["outcome"],
    )
    rule = DirichletUpdate(forgetting=theta["rate"])
    learner = DirichletLearner(model, EachStep(), rule)
    planner = OpenLoop(1, precision=theta["precision"])
    return Agent(model, planner=planner, action_precision=1.0, learner=learner)


def rescorla_wagner(theta: Parameters) -> Chooser:
    """The peer of all others."""
    return RescorlaWagner(theta["rate"], theta["precision"] * theta["wish"])


LEARNERS: dict[str, Callable[[Parameters], Agent | Chooser]] = {
    "reversal learner": reversal,
    "counting learner": counting,
    "counting learner of hidden states": believing,
    "Rescorla-Wagner": rescorla_wagner,
}


def parameters() -> None:
    """Three numbers of a person."""
    pyro.sample("rate", dist.Beta(1.0, 9.0))
    pyro.sample("wish", dist.Normal(2.0, 1.0))
    pyro.sample("precision", dist.Gamma(2.0, 1.0))


class PopulationGradient(Timed):
    """The log-likelihood of all choices of all persons, and its gradient by their parameters."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        random = torch.Generator().manual_seed(0)
        shape = (problem["batch"], problem["steps"])
        actions, outcomes = (torch.randint(0, 2, shape, generator=random) for _ in range(2))
        self.choices = Choices(actions, outcomes={"outcome": outcomes})
        self.model = ChoiceModel(parameters, LEARNERS[problem["world"]["name"]])
        self.values = {
            name: 0.1 + 0.5 * torch.rand(shape[0], generator=random)
            for name in ("rate", "wish", "precision")
        }

    def fresh(self) -> dict[str, Tensor]:
        """Parameters of all persons."""
        return {name: value.clone().requires_grad_() for name, value in self.values.items()}

    def run(self, start: dict[str, Tensor]) -> list[Tensor]:
        """The log-likelihood of each person, and the gradients."""
        with torch.enable_grad():  # which measurements turn off
            each = self.model.log_likelihood(start, self.choices).sum(-1)
            return [each.detach(), *torch.autograd.grad(each.sum(), list(start.values()))]

    def outputs(self, result: list[Tensor], given: Mapping[str, Any] | None) -> dict[str, Any]:
        """Nothing that another side computes as well."""
        return {}
