"""A program all of whose sites are drawn from tables with counts, and its expected counts by hand.

One table serves two sites, an index is a function of several variables, and one outcome depends on
another.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import gymnasium as gym
import numpy as np
import pyro
import torch
from torch import Tensor

from pyro_activeinf.models import CategoricalTable, GenerativeModel
from tests.oracles import Array

SHAPES = {
    "start": (2,),
    "begin": (2, 3),
    "turn": (2, 2, 2),
    "drift": (2, 3, 3),
    "look": (3, 3),
    "word": (3, 2, 2),
    "habit_table": (2,),
    "wish": (3,),
}
OUTCOMES = {"first": 3, "second": 2, "third": 3}
Use = tuple[str, tuple[int, ...], bool]  # a table, an entry of it, whether it is to be counted


class Learned(GenerativeModel):
    """States a (2 values) and b (3); outcomes first, second and third."""

    actions = gym.spaces.Discrete(2)

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        for name, shape in SHAPES.items():
            setattr(self, name, CategoricalTable(torch.as_tensor(rng.gamma(1.0, size=shape) + 0.1)))

    def initial(self) -> tuple[Tensor, Tensor]:
        a = pyro.sample("a", self.start())
        return a, pyro.sample("b", self.begin(a))

    def transition(self, state: tuple[Tensor, Tensor], action: Tensor) -> tuple[Tensor, Tensor]:
        a, b = state
        after = pyro.sample("a", self.turn(a, action))
        return after, pyro.sample("b", self.drift(after, torch.where(action == 0, b, 2 - b)))

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        a, b = state
        first = pyro.sample("first", self.look(b))
        pyro.sample("second", self.word(first, a))
        pyro.sample("third", self.look(2 - b))

    def habit(self) -> None:
        pyro.sample("action", self.habit_table())

    def prefer(self) -> None:
        pyro.sample("first", self.wish())


Step = tuple[int, int, int, int, int]  # a, b, first, second, third


def uses(
    path: Sequence[Step], seen: Sequence[Mapping[str, int]], actions: Sequence[int]
) -> Iterator[Use]:
    """The entries of tables that a path goes through; habit and preferences are added apart."""
    last = max((t for t, step in enumerate(seen) if step), default=-1)
    for t, (a, b, first, second, third) in enumerate(path):
        kept = t <= last
        if t == 0:
            yield "start", (a,), kept
            yield "begin", (a, b), kept
        else:
            before, u = path[t - 1], actions[t - 1]
            yield "turn", (before[0], u, a), kept
            yield "drift", (a, before[1] if u == 0 else 2 - before[1], b), kept
        yield "look", (b, first), "first" in seen[t] or "second" in seen[t]
        yield "word", (first, a, second), "second" in seen[t]
        yield "look", (2 - b, third), "third" in seen[t]


def counts_by_hand(
    model: Learned, seen: Sequence[Mapping[str, int]], actions: Sequence[int]
) -> dict[str, Array]:
    """Expected counts from every path of states and of outcomes that were not seen."""
    tables = {name: getattr(model, name).expected.numpy() for name in SHAPES}
    steps = [
        itertools.product(
            range(2), range(3), *([step[o]] if o in step else range(n) for o, n in OUTCOMES.items())
        )
        for step in seen
    ]
    found = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    total = 0.0
    for path in itertools.product(*map(list, steps)):
        used = list(uses(path, seen, actions))
        weight = float(np.prod([tables[name][entry] for name, entry, _ in used]))
        total += weight
        for name, entry, counted in used:
            found[name][entry] += weight * counted
    found = {name: value / total for name, value in found.items()}
    last = max((t for t, step in enumerate(seen) if step), default=-1)
    for u in actions[: max(last, 0)]:
        found["habit_table"][u] += 1
    for step in seen[1:]:
        if "first" in step:
            found["wish"][step["first"]] += 1
    return found


def random_sight(rng: np.random.Generator, length: int) -> list[dict[str, int]]:
    """Observations of some of the sites at each step."""
    return [
        {name: int(rng.integers(n)) for name, n in OUTCOMES.items() if rng.random() < 0.6}
        for _ in range(length)
    ]


def as_series(seen: Sequence[Mapping[str, int]]) -> dict[str, Tensor]:
    """One tensor over time for each site, -1 where missing."""
    return {name: torch.tensor([step.get(name, -1) for step in seen]) for name in OUTCOMES}
