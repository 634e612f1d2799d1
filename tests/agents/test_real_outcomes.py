"""A lowest level with discrete states and real outcomes, against the sum over all paths."""

from __future__ import annotations

from itertools import product

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from scipy import stats
from torch import Tensor

from pyro_activeinf import GenerativeModel, HierarchicalAgent
from pyro_activeinf.agents import Level
from pyro_activeinf.filters import Bank, HiddenMarkovFilter
from tests.agents.test_mixed import FIRST, MOVE, SHOW, Weather

START = np.array([0.3, 0.7])
TURN = np.array([[0.8, 0.2], [0.4, 0.6]])  # [state, next state]
SEEN = np.random.default_rng(0).normal(1.0, 1.0, size=6)


class Murmur(GenerativeModel):
    """A regime, which the weather sets, and a state of its own."""

    actions = None

    def initial(self) -> tuple[Tensor, Tensor]:
        c = pyro.sample("regime", dist.Categorical(torch.ones(3).double() / 3))
        return c, pyro.sample("s", dist.Categorical(torch.from_numpy(START)))

    def transition(self, state: tuple[Tensor, Tensor], action: None) -> tuple[Tensor, Tensor]:
        c = pyro.sample("regime", dist.Categorical(torch.eye(3).double()[state[0]]))
        return c, pyro.sample("s", dist.Categorical(torch.from_numpy(TURN)[state[1]]))

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        pyro.sample("o", dist.Normal(state[1] * (state[0] + 1.0), 0.7))


def evidence(seen: np.ndarray, regime: int) -> float:
    """p(seen | regime), by summing over the paths of the state."""
    total = 0.0
    for path in product(range(2), repeat=len(seen)):
        chance = START[path[0]] * np.prod(TURN[path[:-1], path[1:]])
        total += chance * np.prod(stats.norm(np.array(path) * (regime + 1.0), 0.7).pdf(seen))
    return float(total)


def written_out(seen: np.ndarray, steps: int) -> np.ndarray:
    """p(weather now, all that is seen)."""
    pieces = [seen[a : a + steps] for a in range(0, len(seen), steps)]
    each = [SHOW @ [evidence(piece, c) for c in range(3)] for piece in pieces]
    joint = FIRST * each[0]
    for likelihood in each[1:]:
        joint = (joint @ MOVE) * likelihood
    return joint


def test_beliefs_and_free_energy_are_those_of_the_one_model() -> None:
    agent = HierarchicalAgent([Level(Murmur(), steps_per_update=2), Weather()])
    filter = agent.tower.floors[0].filter
    assert isinstance(filter, Bank)
    assert filter.sites == ("regime",)
    assert all(isinstance(member, HiddenMarkovFilter) for member in filter.members)
    total = 0.0
    for t, value in enumerate(SEEN):
        belief = agent.perceive({"o": torch.tensor(value)})
        joint = written_out(SEEN[: t + 1], 2)
        total += float(belief.free_energy)
        found = belief.marginals["level2/weather"].probs  # type: ignore[attr-defined]
        np.testing.assert_allclose(found, joint / joint.sum(), atol=1e-9)
        np.testing.assert_allclose(total, -np.log(joint.sum()), atol=1e-9)


def test_members_of_a_batch_keep_their_own_clocks() -> None:
    ends = torch.tensor([True, False])
    low = Level(Murmur(), steps_per_update=3, until=lambda _: ends)
    agent = HierarchicalAgent([low, Weather()])
    agent.reset((2,))
    for value in SEEN:
        belief = agent.perceive({"o": torch.full((2,), value, dtype=torch.float64)})
    for b, steps in enumerate((1, 3)):
        joint = written_out(SEEN, steps)
        found = belief.marginals["level2/weather"].probs[b]  # type: ignore[attr-defined]
        np.testing.assert_allclose(found, joint / joint.sum(), atol=1e-9)
