"""Policies of a level that are scored by what is seen below, against everything written out."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import Agent, GenerativeModel, HierarchicalAgent
from pyro_activeinf.agents import AsSeen, Below, Enumerated, Level, Simulated
from pyro_activeinf.filters import (
    ExactFilter,
    FactorizedFilter,
    HiddenMarkovFilter,
    ParticleFilter,
)
from pyro_activeinf.models import LogPreferences
from pyro_activeinf.planning import OpenLoop, Sophisticated

STATES, CONTEXTS, PLACES, SEEN, STEPS = 3, 3, 2, 2, 2


def rows(random: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(random.dirichlet(np.ones(shape[-1]), shape[:-1]))


class Upper(GenerativeModel):
    """Shows with which context the level below begins, and a sign of its own."""

    actions = gym.spaces.Discrete(2)

    def __init__(self) -> None:
        super().__init__()
        random = np.random.default_rng(0)
        self.first, self.move = rows(random, STATES), rows(random, 2, STATES, STATES)
        self.show, self.sign = rows(random, STATES, CONTEXTS), rows(random, STATES, 2)
        self.want = torch.tensor([0.4, -0.3], dtype=torch.float64)

    def initial(self) -> Tensor:
        return pyro.sample("x", dist.Categorical(self.first))

    def transition(self, x: Tensor, action: Tensor) -> Tensor:
        return pyro.sample("x", dist.Categorical(self.move[action, x]))

    def observe(self, x: Tensor) -> None:
        pyro.sample("c", dist.Categorical(self.show[x]))
        pyro.sample("sign", dist.Categorical(self.sign[x]))

    def prefer(self) -> None:
        pyro.sample("sign", LogPreferences(self.want))


class Lower(GenerativeModel):
    """Sees something of its context; with actions, it chooses what."""

    def __init__(self, choices: int) -> None:
        super().__init__()
        random = np.random.default_rng(1)
        self.actions = gym.spaces.Discrete(choices) if choices else None
        self.first = rows(random, CONTEXTS, PLACES)
        self.move = rows(random, max(choices, 1), CONTEXTS, PLACES, PLACES)
        self.show = rows(random, CONTEXTS, PLACES, SEEN)
        self.want = torch.tensor([0.5, -0.2], dtype=torch.float64)

    def initial(self) -> tuple[Tensor, Tensor]:
        even = torch.ones(CONTEXTS, dtype=torch.float64)
        c = pyro.sample("c", dist.Categorical(even))
        return c, pyro.sample("s", dist.Categorical(self.first[c]))

    def transition(self, state: tuple[Tensor, Tensor], action: Any) -> tuple[Tensor, Tensor]:
        c, s = state
        c = pyro.sample("c", dist.Categorical(torch.eye(CONTEXTS, dtype=torch.float64)[c]))
        u = 0 if action is None else action
        return c, pyro.sample("s", dist.Categorical(self.move[u, c, s]))

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        pyro.sample("o", dist.Categorical(self.show[state]))

    def prefer(self) -> None:
        pyro.sample("o", LogPreferences(self.want))


def courses(model: Lower) -> dict[tuple[int, ...], np.ndarray]:
    """p(o, u | c) of every course of events below, where an agent chooses the actions."""
    found: dict[tuple[int, ...], np.ndarray] = defaultdict(lambda: np.zeros(CONTEXTS))
    choices = max(1, model.actions.n if model.actions else 1)
    for seen in product(range(SEEN), repeat=STEPS):
        for done in product(range(choices), repeat=STEPS - 1):
            chance = np.ones(CONTEXTS)
            if model.actions is not None:
                agent = Agent(model, planner=OpenLoop(1))
                for outcome, action in zip(seen, done, strict=False):
                    agent.perceive({"o": outcome}, agent.action)
                    chance *= float(agent.action_probs(agent.plan())[action])
                    agent.action = torch.tensor(action)
            for places in product(range(PLACES), repeat=STEPS):
                way = model.first[:, places[0]] * model.show[:, places[0], seen[0]]
                for u, a, b, o in zip(done, places, places[1:], seen[1:], strict=False):
                    way = way * model.move[u, :, a, b] * model.show[:, b, o]
                found[(*seen, *done)] += chance * way.numpy()
    return found


def written_out(model: Lower, upper: Upper, policy: tuple[int, ...]) -> float:
    """Expected free energy of a policy above, over lower outcomes and the own sign."""
    below, total, q = courses(model), 0.0, upper.first.numpy()
    want, sign = model.want.numpy(), upper.want.numpy()
    for action in policy:
        q = q @ upper.move[action].numpy()
        joint = {}
        for course, chance in below.items():
            for value in range(2):
                likelihood = (upper.show.numpy() @ chance) * upper.sign[:, value].numpy()
                joint[course, value] = q * likelihood
        for (course, value), each in joint.items():
            mass = each.sum()
            total -= mass * (sum(want[o] for o in course[:STEPS]) + sign[value])
            total -= float(sum(p * np.log(p / (mass * r)) for p, r in zip(each, q, strict=True)))
    return total


def agent_of(choices: int, below: Below, planner: Any = None) -> HierarchicalAgent:
    low = Level(Lower(choices), OpenLoop(1), steps_per_update=STEPS)
    return HierarchicalAgent([low, Level(Upper(), planner or OpenLoop(2), below=below)])


def scores(agent: HierarchicalAgent, planner: Any = None) -> Any:
    floor = agent.tower.floors[1]
    filter = floor.reporting.filter()
    return (planner or floor.level.planner)(filter, filter.initial())


@pytest.mark.parametrize("choices", [0, 2])
def test_policies_are_scored_by_what_is_seen_below(choices: int) -> None:
    agent = agent_of(choices, Enumerated())
    found = scores(agent)
    for policy, value in zip(found.policies.tolist(), found.expected_free_energy, strict=True):
        expected = written_out(Lower(choices), Upper(), tuple(policy))
        assert float(value) == pytest.approx(expected, abs=1e-10)


def test_what_is_reported_is_less_than_what_is_shown() -> None:
    seen, told = (scores(agent_of(0, below)) for below in (AsSeen(), Enumerated()))
    assert bool((told.terms.epistemic < seen.terms.epistemic - 0.01).all())
    assert bool((told.terms.epistemic > 0.0).all())


def test_courses_that_are_drawn_tell_nearly_the_same() -> None:
    pyro.set_rng_seed(0)
    told, drawn = (scores(agent_of(2, below)) for below in (Enumerated(), Simulated(3000)))
    torch.testing.assert_close(drawn.terms.epistemic, told.terms.epistemic, atol=0.01, rtol=0.0)
    torch.testing.assert_close(
        drawn.expected_free_energy, told.expected_free_energy, atol=0.08, rtol=0.0
    )


def test_closed_loop_planning_branches_over_reports() -> None:
    told = agent_of(0, Enumerated())
    closed = scores(told, Sophisticated(1)).expected_free_energy
    torch.testing.assert_close(closed, scores(told, OpenLoop(1)).expected_free_energy)


def test_a_level_is_left_as_soon_as_its_condition_holds() -> None:
    first = Level(Lower(0), OpenLoop(1), steps_per_update=9, until=lambda belief: belief.step == 1)
    found = scores(HierarchicalAgent([first, Level(Upper(), OpenLoop(2), below=Enumerated())]))
    expected = scores(agent_of(0, Enumerated()))
    torch.testing.assert_close(found.expected_free_energy, expected.expected_free_energy)


def test_it_is_used_by_the_agent_and_made_anew_where_a_model_changes() -> None:
    pyro.set_rng_seed(0)
    agent = agent_of(2, Enumerated())
    agent.perceive({"o": 0, "sign": 1})
    agent.perceive({"o": 1}, action=agent.act())
    agent.plan()
    floor = agent.tower.floors[1]
    before = floor.reporting.filter()
    torch.testing.assert_close(
        agent.posteriors[1].probs, OpenLoop(2)(before, agent.belief.levels[1]).probs
    )
    assert floor.reporting.filter() is before
    floor.level.model.show = floor.level.model.show.flip(0)
    assert floor.reporting.filter() is not before


@pytest.mark.parametrize(
    "kinds",
    [
        (FactorizedFilter, ExactFilter),
        (ExactFilter, FactorizedFilter),
        (FactorizedFilter, FactorizedFilter),
        (HiddenMarkovFilter, HiddenMarkovFilter),
    ],
)
def test_reports_are_those_of_exact_filters_of_the_same_models(kinds: Any) -> None:
    models = Lower(2), Upper()
    low, high = (kind(model) for kind, model in zip(kinds, models, strict=True))
    first = Level(models[0], OpenLoop(1), low, steps_per_update=STEPS)
    found = HierarchicalAgent([first, Level(models[1], OpenLoop(2), high, below=Enumerated())])
    exact = agent_of(2, Enumerated())
    for agent in (found, exact):
        agent.perceive({"o": 0, "sign": 1})
        agent.perceive({"o": 1}, action=0)
        agent.plan()
    plans = [agent.posteriors[1].expected_free_energy for agent in (found, exact)]
    torch.testing.assert_close(*plans, atol=1e-10, rtol=0.0)


@pytest.mark.parametrize("which", [0, 1])
def test_particles_and_real_sites_report_nothing(which: int) -> None:
    models = [Lower(2), Upper()]
    filters: list[Any] = [None, None]
    filters[which] = ParticleFilter(models[which], num_particles=10)
    each = zip(models, filters, (AsSeen(), Enumerated()), strict=True)
    levels = [Level(model, OpenLoop(1), kind, below=below) for model, kind, below in each]
    told = r"`levels\[1\].below`: expected AsSeen\(\), or two .* Leave `below` out"
    with pytest.raises(ValueError, match=told):
        HierarchicalAgent(levels)


def test_nothing_is_below_the_lowest_level() -> None:
    low = Level(Lower(2), OpenLoop(1), below=Enumerated())
    told = r"`levels\[0\].below`: expected AsSeen\(\), for no level is below the lowest"
    with pytest.raises(ValueError, match=told):
        HierarchicalAgent([low, Upper()])


def test_gradients_reach_what_is_seen_below() -> None:
    low, high = Lower(0), Upper()
    low.show = low.show.clone().requires_grad_()

    def total() -> Tensor:
        levels = [Level(low, steps_per_update=STEPS), Level(high, OpenLoop(1), below=Enumerated())]
        return scores(HierarchicalAgent(levels)).expected_free_energy.sum()

    (slope,) = torch.autograd.grad(total(), low.show)
    size, values = 1e-6, []
    for sign in (1, -1):
        with torch.no_grad():
            low.show[0, 1, 0] += sign * size
            values.append(float(total().detach()))
            low.show[0, 1, 0] -= sign * size
    assert float(slope[0, 1, 0]) == pytest.approx((values[0] - values[1]) / (2 * size), abs=1e-6)


def test_too_many_courses_are_refused() -> None:
    agent = agent_of(2, Enumerated(most=3))
    with pytest.raises(ValueError, match=r"at most 3 courses.*Simulated\(episodes\) draws some"):
        scores(agent)
    with pytest.raises(TypeError, match="`below`: expected AsSeen"):
        Level(Upper(), below="seen")  # type: ignore[arg-type]
