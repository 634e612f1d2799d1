"""One-person programs of every support, and choices to give them."""

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


def agent(values: dict[str, torch.Tensor]) -> RescorlaWagner:
    return RescorlaWagner(values["rate"], values["temperature"])


def choices(subjects: int = 4, trials: int = 6, seed: int = 0) -> Choices:
    made = torch.Generator().manual_seed(seed)
    actions = torch.randint(2, (subjects, trials), generator=made)
    actions[0, 1] = -1
    reward = torch.randn(subjects, trials, generator=made)
    return Choices(actions, {"outcome": reward})


def model(population: Population, program=learner) -> ChoiceModel:
    return ChoiceModel(program, agent, population)
