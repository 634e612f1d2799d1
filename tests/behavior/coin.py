"""A coin that people are: a posterior, an evidence and leave-one-out densities in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyro_activeinf.behavior import ChoiceModel, Choices
from pyro_activeinf.behavior.chooser import State, Tracing

A, B = 2.0, 3.0  # of the prior


@dataclass(frozen=True)
class Coin(Tracing):
    """Takes action 1 with a probability that nothing changes."""

    heads: Tensor  # (*batch)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return tuple(self.heads.shape)

    @property
    def num_actions(self) -> int:
        return 2

    def initial(self) -> State:
        return self.heads

    def restart(self, state: State) -> State:
        return state

    def perceive(self, state: State, cue: Mapping[str, Tensor]) -> State:
        return state

    def learn(self, state: State, action: Tensor, outcome: Mapping[str, Tensor]) -> State:
        return state

    def log_probs(self, state: State) -> Tensor:
        return torch.stack([(-state).log1p(), state.log()], -1)

    def trace(self, choices: Choices) -> State:
        return self.heads.expand(choices.num_trials, *self.heads.shape)


def program() -> None:
    pyro.sample("heads", dist.Beta(A, B))


def coins(population: object = None) -> ChoiceModel:
    return ChoiceModel(program, lambda p: Coin(p["heads"]), population)  # type: ignore[arg-type]


def tosses(seed: int = 0, subjects: int = 3, trials: int = 12) -> Choices:
    """Choices of which the last trials of the second subject are missing."""
    generator = torch.Generator().manual_seed(seed)
    actions = (torch.rand(subjects, trials, generator=generator) < 0.4).long()
    actions[1:2, -4:] = -1
    return Choices(actions)


def posterior(choices: Choices) -> tuple[Tensor, Tensor]:
    """Parameters of the beta posterior of each subject."""
    heads = (choices.actions == 1).sum(-1)
    return A + heads, B + choices.counted.sum(-1) - heads


def log_beta(a: Tensor, b: Tensor) -> Tensor:
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)


def log_evidence(choices: Choices) -> Tensor:
    a, b = posterior(choices)
    return log_beta(a, b) - log_beta(torch.tensor(A), torch.tensor(B))


def left_out(choices: Choices) -> Tensor:
    """Exact log p(u_it | all others), ``(subjects, trials)``."""
    a, b = (x.unsqueeze(-1) for x in posterior(choices))
    heads = choices.actions == 1
    without = torch.where(heads, a - 1, b - 1)
    return (without / (a + b - 1)).log()


def information(choices: Choices) -> Tensor:
    """Exact terms of WAIC, ``(subjects, trials)``: log E[p] - V[log p] of a beta posterior."""
    a, b = (x.unsqueeze(-1) for x in posterior(choices))
    own, total = torch.where(choices.actions == 1, a, b), a + b
    trigamma = torch.special.polygamma
    return (own / total).log() - (trigamma(1, own) - trigamma(1, total))
