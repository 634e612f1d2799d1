"""A program whose sites depend on earlier sites of the same step, and its joint table by hand."""

import itertools

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyro_activeinf.models import GenerativeModel
from tests.oracles import Array


def random_probs(rng: np.random.Generator, *shape: int) -> Tensor:
    """p(last | others)."""
    return torch.as_tensor(rng.dirichlet(np.ones(shape[-1]), size=shape[:-1]))


class Linked(GenerativeModel):
    """Mood depends on weather of the same step; the second word depends on the first."""

    actions = gym.spaces.Discrete(2)

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        self.register_buffer("weather", random_probs(rng, 2))
        self.register_buffer("mood", random_probs(rng, 2, 3))
        self.register_buffer("change", random_probs(rng, 2, 2, 2))
        self.register_buffer("sway", random_probs(rng, 3, 2, 2, 3))
        self.register_buffer("first", random_probs(rng, 3, 2))
        self.register_buffer("second", random_probs(rng, 2, 2, 3))
        self.register_buffer("third", random_probs(rng, 2, 2))
        self.register_buffer("wish", torch.as_tensor(rng.normal(size=(2, 3))))

    def initial(self) -> dict[str, Tensor]:
        weather = pyro.sample("weather", dist.Categorical(self.weather))
        return {"w": weather, "m": pyro.sample("mood", dist.Categorical(self.mood[weather]))}

    def transition(self, state: dict[str, Tensor], action: Tensor) -> dict[str, Tensor]:
        after = pyro.sample("weather", dist.Categorical(self.change[state["w"], action]))
        mood = dist.Categorical(self.sway[state["m"], action, after])
        return {"w": after, "m": pyro.sample("mood", mood)}

    def observe(self, state: dict[str, Tensor]) -> None:
        first = pyro.sample("first", dist.Categorical(self.first[state["m"]]))
        pyro.sample("second", dist.Categorical(self.second[first, state["w"]]))
        pyro.sample("third", dist.Bernoulli(self.third[state["w"], 1]))

    def prefer(self) -> None:
        first = pyro.sample("first", dist.Categorical(torch.tensor([0.3, 0.7])))
        pyro.sample("second", dist.Categorical(logits=self.wish[first]))


def likelihood_by_hand(model: Linked) -> Array:
    """p(first, second, third | weather, mood), shape (2, 3, 2, 3, 2)."""
    table = np.zeros((2, 3, 2, 3, 2))
    for w, m, a, b, c in itertools.product(*(range(n) for n in table.shape)):
        table[w, m, a, b, c] = (
            float(model.first[m, a]) * float(model.second[a, w, b]) * float(model.third[w, c])
        )
    return table


def transition_by_hand(model: Linked, action: int) -> Array:
    """p(weather', mood' | weather, mood), shape (6, 6)."""
    table = np.zeros((2, 3, 2, 3))
    for w, m, x, n in itertools.product(*(range(k) for k in table.shape)):
        table[w, m, x, n] = float(model.change[w, action, x]) * float(model.sway[m, action, x, n])
    return table.reshape(6, 6)
