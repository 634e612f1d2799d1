"""One-person programs, choices to give them, and their likelihood in plain Python."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pyro
import pyro.distributions as dist
import torch

from pyro_activeinf.behavior import ChoiceModel, Choices, Population, RescorlaWagner


def learner() -> None:
    pyro.sample("rate", dist.Beta(2.0, 3.0))
    pyro.sample("temperature", dist.Gamma(4.0, 2.0))


def all_supports() -> None:
    learner()
    pyro.sample("normal", dist.Normal(0.3, 2.0))
    pyro.sample("lognormal", dist.LogNormal(0.0, 0.5))
    pyro.sample("halfnormal", dist.HalfNormal(2.0))
    pyro.sample("interval", dist.Uniform(-1.0, 3.0))
    pyro.sample("simplex", dist.Dirichlet(torch.tensor([2.0, 1.0, 3.0])))
    pyro.sample("vector", dist.Beta(2.0, torch.tensor([1.0, 2.0])).to_event(1))
    pyro.sample("rows", dist.Dirichlet(torch.ones(2, 3)).to_event(1))


def agent(values: Any) -> RescorlaWagner:
    return RescorlaWagner(values["rate"], values["temperature"])


def some_choices(subjects: int = 4, trials: int = 6, seed: int = 0) -> Choices:
    made = torch.Generator().manual_seed(seed)
    actions = torch.randint(2, (subjects, trials), generator=made)
    actions[0, 1] = -1
    reward = torch.randn(subjects, trials, generator=made)
    covariates = {
        "age": torch.randn(subjects, generator=made),
        "group": tuple("ab"[i % 2] for i in range(subjects)),
        "subject": tuple(f"person {i // 2}" for i in range(subjects)),
        "drug": tuple(("off", "on")[i % 2] for i in range(subjects)),
    }
    return Choices(actions, {"outcome": reward}, covariates=covariates)


def model(population: Population, program: Callable[[], None] = learner) -> ChoiceModel:
    return ChoiceModel(program, agent, population)


def loop_log_likelihood(
    choices: Choices, subject: int, rate: torch.Tensor, temperature: torch.Tensor
) -> torch.Tensor:
    """log p(all choices of a subject), trial by trial."""
    values: Sequence[torch.Tensor] = [torch.zeros(()), torch.zeros(())]
    total = torch.zeros(())
    for action, reward in zip(
        choices.actions[subject].tolist(), choices.outcomes["outcome"][subject], strict=True
    ):
        if action < 0:
            continue
        weights = [math.e ** (temperature * value) for value in values]
        total = total + (weights[action] / sum(weights)).log()
        values = [
            value + rate * (reward - value) * (index == action)
            for index, value in enumerate(values)
        ]
    return total
