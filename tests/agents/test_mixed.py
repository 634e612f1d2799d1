"""A discrete level above a continuous one, against everything written out."""

from __future__ import annotations

from itertools import product

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import GenerativeModel, HierarchicalAgent, rollout, to_arviz
from pyro_activeinf.agents import Level
from pyro_activeinf.filters import Bank, GaussianFilter, ParticleFilter
from pyro_activeinf.planning import CrossEntropy, Variational
from tests.filters.regimes import Regimes, systems
from tests.kalman import smooth

FIRST = np.array([0.6, 0.4])
MOVE = np.array([[0.8, 0.2], [0.3, 0.7]])  # [state, next state]
SHOW = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])  # [state, regime]
PRIOR = torch.ones(3, dtype=torch.float64) / 3


class Weather(GenerativeModel):
    """Which regime holds below."""

    actions = None

    def initial(self) -> Tensor:
        return pyro.sample("weather", dist.Categorical(torch.from_numpy(FIRST)))

    def transition(self, weather: Tensor, action: None) -> Tensor:
        return pyro.sample("weather", dist.Categorical(torch.from_numpy(MOVE)[weather]))

    def observe(self, weather: Tensor) -> None:
        pyro.sample("regime", dist.Categorical(torch.from_numpy(SHOW)[weather]))


def agent(steps: int = 2, **below: object) -> HierarchicalAgent:
    model = Regimes(systems(3), PRIOR)
    filter = Bank(model, **below)  # type: ignore[arg-type]
    planner = CrossEntropy(2, samples=8, elites=2, iterations=1)
    return HierarchicalAgent([Level(model, planner, filter, steps), Weather()])


def written_out(
    seen: np.ndarray, actions: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """p(weather, regime now | all), the mean of s in each regime, and log p(all)."""
    pieces = [slice(a, min(a + steps, len(seen))) for a in range(0, len(seen), steps)]
    each = [
        [smooth(one, seen[piece], actions[piece][:-1]) for one in systems(3)] for piece in pieces
    ]
    joint = np.zeros((2, 3))
    for weathers in product(range(2), repeat=len(pieces)):
        chance = FIRST[weathers[0]] * np.prod(MOVE[weathers[:-1], weathers[1:]])
        evidence = [np.exp([one.log_evidence for one in found]) for found in each]
        past = np.prod([SHOW[w] @ e for w, e in zip(weathers[:-1], evidence, strict=False)])
        joint[weathers[-1]] += chance * past * SHOW[weathers[-1]] * evidence[-1]
    means = np.array([one.means[-1] for one in each[-1]])
    return joint / joint.sum(), means, float(np.log(joint.sum()))


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_beliefs_and_free_energy_are_those_of_the_one_model(steps: int) -> None:
    random = np.random.default_rng(0)
    seen, actions = random.normal(size=(7, 2)), random.uniform(-1, 1, size=(7, 1))
    found, before = agent(steps), 0.0
    for t, row in enumerate(seen):
        push = torch.from_numpy(actions[t - 1]) if t else None
        belief = found.perceive({"o": torch.from_numpy(row)}, action=push)
        joint, means, total = written_out(seen[: t + 1], actions[: t + 1], steps)
        marginals = belief.marginals
        np.testing.assert_allclose(marginals["level2/weather"].probs, joint.sum(1), atol=1e-9)
        np.testing.assert_allclose(marginals["level1/regime"].probs, joint.sum(0), atol=1e-9)
        np.testing.assert_allclose(marginals["level1/s"].mean, joint.sum(0) @ means, atol=1e-8)
        assert float(belief.free_energy) == pytest.approx(before - total, abs=1e-8)
        before = total


def test_members_of_a_batch_keep_their_own_clocks() -> None:
    model = Regimes(systems(3), PRIOR)

    def far(belief: object) -> Tensor:
        return belief.marginals["s"].mean[..., 0] > 0.5  # type: ignore[attr-defined, no-any-return]

    def make() -> HierarchicalAgent:
        return HierarchicalAgent(
            [Level(model, filter=Bank(model), steps_per_update=3, until=far), Weather()]
        )

    random = torch.Generator().manual_seed(0)
    seen = torch.randn(4, 6, 2, generator=random, dtype=torch.float64)
    push = torch.rand(4, 6, 1, generator=random, dtype=torch.float64)
    together = make()
    together.reset((4,))
    alone = [make() for _ in range(4)]
    for t in range(6):
        belief = together.perceive({"o": seen[:, t]}, action=push[:, t] if t else None)
        for b, single in enumerate(alone):
            expected = single.perceive({"o": seen[b, t]}, action=push[b, t] if t else None)
            torch.testing.assert_close(belief.free_energy[b], expected.free_energy)
            found, other = (x.marginals["level1/s"].mean for x in (belief, expected))
            torch.testing.assert_close(found[b], other)
    assert len({tuple(state.ticks.tolist()) for state in together.states or []}) > 1


class Pond(gym.Env[np.ndarray, np.ndarray]):
    """A world of two numbers that are pushed."""

    observation_space = gym.spaces.Dict(o=gym.spaces.Box(-np.inf, np.inf, (2,), np.float64))
    action_space = gym.spaces.Box(-1.0, 1.0, (1,))

    def reset(self, *, seed=None, options=None):  # type: ignore[no-untyped-def]
        super().reset(seed=seed)
        return {"o": self.np_random.normal(size=2)}, {}

    def step(self, action):  # type: ignore[no-untyped-def]
        return {"o": self.np_random.normal(size=2) + action}, 0.0, False, False, {}


def test_it_plans_real_actions_and_is_recorded() -> None:
    pyro.set_rng_seed(0)
    found = rollout(agent(), Pond(), steps=5, progress=False)
    assert found.actions.shape == (6, 1)
    assert bool((found.actions[:-1].abs() <= 1.0).all())
    assert found.beliefs["level1/s"].shape == found.spread["level1/s"].shape == (6, 2)
    assert found.messages[1].up.shape == (6, 3)
    assert to_arviz(found)["beliefs"]["level1.s"].shape[-2:] == (6, 2)


def test_real_actions_of_a_mixture_are_found_by_variational_inference() -> None:
    pyro.set_rng_seed(0)
    model = Regimes(systems(3), PRIOR)
    planner = Variational(2, steps=20)
    both = HierarchicalAgent([Level(model, planner, Bank(model), 2), Weather()])
    both.perceive({"o": torch.zeros(2, dtype=torch.float64)})
    assert both.act().shape == (1,)


def test_particles_find_nearly_the_same() -> None:
    pyro.set_rng_seed(0)
    exact = agent()
    drawn = agent(make=lambda m: ParticleFilter(m, num_particles=4000))
    for t in range(3):
        seen = {"o": torch.tensor([0.4, -0.2], dtype=torch.float64)}
        push = torch.tensor([0.1], dtype=torch.float64) if t else None
        beliefs = [each.perceive(seen, action=push) for each in (exact, drawn)]
    names = ("level2/weather", "level1/regime")
    for name in names:
        probs = [belief.marginals[name].probs for belief in beliefs]
        torch.testing.assert_close(*probs, atol=0.05, rtol=0.0)


def test_levels_of_the_wrong_kind_are_refused() -> None:
    model = Regimes(systems(3), PRIOR)
    with pytest.raises(ValueError, match=r"`levels\[1\].filter`: expected an exact, factorized"):
        HierarchicalAgent([Weather(), Level(model, filter=Bank(model))])
    member = Bank(model).members[0].model  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"one of \['s'\], got \['regime'\]"):
        HierarchicalAgent([Level(member, filter=GaussianFilter(member)), Weather()])


def test_a_level_with_real_sites_has_a_bank_by_itself() -> None:
    model = Regimes(systems(3), PRIOR)
    found = HierarchicalAgent([model, Weather()])
    filter = found.tower.floors[0].filter
    assert isinstance(filter, Bank)
    assert all(isinstance(member, GaussianFilter) for member in filter.members)
    given = HierarchicalAgent([Level(model, filter=Bank(model)), Weather()])
    seen = {"o": torch.tensor([0.2, 0.4])}
    energies = [each.perceive(seen).free_energy for each in (found, given)]
    assert torch.equal(*energies)
