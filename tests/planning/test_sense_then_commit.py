"""A corridor whose beacon tells where the goal is: at which horizon sensing pays, enumerated."""

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch

from pyro_activeinf import Agent
from pyro_activeinf.filters import GaussianFilter
from pyro_activeinf.models import Corridor
from pyro_activeinf.planning import OpenLoop, Variational
from tests.oracles import Array

PUSHES = (-2.0, -1.0, 0.0, 1.0, 2.0)
SWITCH = 5  # found by the enumeration below


@dataclass(frozen=True)
class Enumeration:
    """Every policy of the corridor, scored with scalars in numpy; covariance by information."""

    horizon: int
    anticipate: bool = True
    blur: float = 1.0

    def policies(self) -> Array:
        return np.array(list(itertools.product(PUSHES, repeat=self.horizon)))

    def noise(self, place: float) -> Array:
        return np.array([0.1, 0.1 + self.blur * (place + 2.0) ** 2]) ** 2

    def narrowed(self, cov: Array, place: float) -> Array:
        return np.linalg.inv(np.linalg.inv(cov) + np.diag(1 / self.noise(place)))

    def score(self, policy: Array, epistemic: bool = True) -> float:
        place, gap, cov, total = 0.0, -3.0, np.diag([0.01, 4.0]), 0.0
        for push in policy:
            if self.anticipate:
                cov = self.narrowed(cov, place)
            place, gap, cov = place + push, gap + push, cov + 0.01 * np.eye(2)
            total += 0.5 * (gap**2 + cov[1, 1]) / 4.0 + 0.5 * np.log(2 * np.pi * 4.0)
            if epistemic:
                after = self.narrowed(cov, place)
                total -= 0.5 * (np.linalg.slogdet(cov)[1] - np.linalg.slogdet(after)[1])
        return total

    def best(self) -> tuple[float, ...]:
        return _best(self)


@cache
def _best(truth: Enumeration) -> tuple[float, ...]:
    rows = truth.policies()
    return tuple(rows[int(np.argmin([truth.score(row) for row in rows]))])


def planned(horizon: int, terms: str | None = None, anticipate: bool = True) -> tuple[float, ...]:
    carrier = GaussianFilter(Corridor(), anticipate=anticipate)
    plan = OpenLoop(horizon, terms=terms)(carrier, carrier.initial())
    chosen = plan.policies[int(plan.expected_free_energy.argmin())]
    return tuple(torch.tensor(PUSHES)[chosen].tolist())


@pytest.mark.parametrize("anticipate", [False, True])
def test_every_policy_is_scored_as_the_enumeration_does(anticipate: bool) -> None:
    truth = Enumeration(3, anticipate)
    carrier = GaussianFilter(Corridor(), anticipate=anticipate)
    plan = OpenLoop(3)(carrier, carrier.initial())
    scores = torch.tensor([truth.score(row) for row in truth.policies()])
    torch.testing.assert_close(plan.expected_free_energy, scores, rtol=0.0, atol=1e-9)
    torch.testing.assert_close(plan.terms.total, scores, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("horizon", range(1, SWITCH + 1))
def test_the_plan_switches_where_the_enumeration_does(horizon: int) -> None:
    best = Enumeration(horizon).best()
    assert planned(horizon) == best
    assert (best[0] < 0) == (horizon >= SWITCH)  # commits before, senses first from there on


@pytest.mark.parametrize("horizon", [SWITCH - 1, SWITCH])
def test_finer_actions_switch_at_the_same_horizon(horizon: int) -> None:
    model = Corridor(torch.linspace(-2.0, 2.0, 9).tolist())
    carrier = GaussianFilter(model, anticipate=True)
    plan = OpenLoop(horizon)(carrier, carrier.initial())
    first = plan.policies[int(plan.expected_free_energy.argmin()), 0]
    assert bool(model.pushes[first] < 0) == (horizon >= SWITCH)


@pytest.mark.parametrize("horizon", [SWITCH - 1, SWITCH])
def test_plans_of_real_actions_by_svi_switch_at_the_same_horizon(horizon: int) -> None:
    carrier = GaussianFilter(Corridor(None), anticipate=True)
    planner = Variational(horizon, steps=10, restarts=64, num_particles=8, precision=16.0)
    plan = planner(carrier, carrier.initial())
    chosen = plan.policies[int(plan.probs.argmax())]
    assert chosen.tolist() == pytest.approx(Enumeration(horizon).best(), abs=0.5)


@pytest.mark.parametrize("horizon", [SWITCH - 1, SWITCH])
def test_one_step_of_svi_over_all_policies_switches_too(horizon: int) -> None:
    carrier = GaussianFilter(Corridor(), anticipate=True)
    plan = Variational(horizon, steps=1)(carrier, carrier.initial())
    chosen = plan.policies[int(plan.probs.argmax())]
    assert tuple(torch.tensor(PUSHES)[chosen].tolist()) == Enumeration(horizon).best()


def test_longer_plans_sense_too_and_then_commit() -> None:
    assert planned(SWITCH + 1) == (-2.0, 2.0, 2.0, 1.0, 0.0, 0.0)


def test_the_epistemic_term_carries_the_switch() -> None:
    assert planned(SWITCH, terms="pragmatic") == (2.0, 1.0, 0.0, 0.0, 0.0)
    assert planned(SWITCH + 1, terms="pragmatic")[0] > 0


def test_information_that_is_forgotten_is_not_worth_the_walk() -> None:
    """Scored step by step, each by its own prediction: what was seen before does not count."""
    assert planned(SWITCH, anticipate=False)[0] > 0


def test_a_beacon_that_is_equally_sharp_everywhere_is_not_walked_to() -> None:
    carrier = GaussianFilter(Corridor(blur=1e-9), anticipate=True)
    plan = OpenLoop(SWITCH)(carrier, carrier.initial())
    chosen = plan.policies[int(plan.expected_free_energy.argmin())]
    assert PUSHES[int(chosen[0])] > 0


@pytest.mark.parametrize(("horizon", "arrives"), [(2, False), (SWITCH, True)])
def test_an_agent_finds_a_goal_that_is_not_where_it_believed(horizon: int, arrives: bool) -> None:
    carrier = GaussianFilter(Corridor(), anticipate=True)
    agent = Agent(carrier.model, planner=OpenLoop(horizon), filter=carrier)
    place, goal = 0.0, -6.0  # believed to be at 3
    for _ in range(8):
        cue = place - goal if abs(place + 2.0) < 0.5 else float("nan")
        agent.perceive({"here": place, "cue": cue})
        place += PUSHES[int(agent.act())]
    assert (abs(place - goal) <= 1.0) == arrives
