"""Backward induction against policies and states enumerated by hand."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product

import gymnasium as gym
import pytest
import torch
from torch import Tensor

from pyro_activeinf.demo.lake import optimum
from pyro_activeinf.demo.optimum import optimal_return

STATES, ACTIONS, STEPS = 2, 2, 3


def worlds(*batch: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random transitions, rewards and first states."""
    transition = torch.rand(*batch, STATES, ACTIONS, STATES)
    initial = torch.rand(*batch, STATES)
    return (
        transition / transition.sum(-1, keepdim=True),
        torch.randn(*batch, STATES, ACTIONS),
        initial / initial.sum(-1, keepdim=True),
    )


def return_of(policy: tuple[tuple[int, ...], ...], world: tuple[Tensor, Tensor, Tensor]) -> float:
    """Expected return of a policy that gives an action for every time step and state."""
    transition, reward, occupied = world
    total, every = 0.0, torch.arange(STATES)
    for actions in policy:
        taken = torch.tensor(actions)
        total += float(occupied @ reward[every, taken])
        occupied = occupied @ transition[every, taken]
    return total


@pytest.mark.parametrize("seed", range(5))
def test_the_optimum_is_the_best_of_all_policies(seed: int) -> None:
    torch.manual_seed(seed)
    world = worlds()
    rules = list(product(range(ACTIONS), repeat=STATES))
    best = max(return_of(policy, world) for policy in product(rules, repeat=STEPS))
    assert optimal_return(*world, STEPS).item() == pytest.approx(best, abs=1e-12)


def test_worlds_are_solved_in_batches() -> None:
    world = worlds(4, 3)
    found = optimal_return(*world, STEPS)
    assert found.shape == (4, 3)
    one = optimal_return(*(part[2, 1] for part in world), STEPS)
    assert found[2, 1].item() == pytest.approx(one.item(), abs=1e-12)


def test_an_episode_without_steps_returns_nothing() -> None:
    assert optimal_return(*worlds(), 0).item() == 0.0


def test_the_optimum_of_the_lake_is_that_of_gymnasiums_own_table() -> None:
    env = gym.make("FrozenLake-v1")
    table = env.unwrapped.P  # type: ignore[attr-defined]

    @cache
    def chance(state: int, steps: int) -> Fraction:
        if steps == 0:
            return Fraction(0)
        return max(sum(branch(*way, steps) for way in ways) for ways in table[state].values())

    def branch(p: float, after: int, reward: float, over: bool, steps: int) -> Fraction:
        later = Fraction(int(reward)) if over else chance(int(after), steps - 1)
        return Fraction(p).limit_denominator(30) * later

    assert env.spec is not None
    exact = float(chance(0, env.spec.max_episode_steps or 0))
    assert exact == pytest.approx(0.744, abs=5e-4)
    assert optimum() == pytest.approx(exact, abs=1e-6)
