"""The oracles' policies in their order, and the best return against plans tried one by one."""

import itertools
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from tests import oracles
from tests.oracles import assert_close


def test_policies_are_ordered_with_the_last_action_fastest() -> None:
    every = oracles.brute_policies([2, 3], 1)[:, 0].T
    assert every.tolist() == [[0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]]
    two_steps = oracles.brute_policies([1, 2], 2)[..., 1]
    assert two_steps.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def random_environment(seed: int) -> dict[int, dict[int, list[tuple[float, int, float, bool]]]]:
    rng = np.random.default_rng(seed)

    def outcomes() -> list[tuple[float, int, float, bool]]:
        probs = rng.dirichlet(np.ones(4))
        return [(p, i % 2, rng.normal(), i > 1) for i, p in enumerate(probs)]

    return {state: {action: outcomes() for action in range(2)} for state in range(2)}


@pytest.mark.parametrize("seed", range(3))
def test_optimal_return_is_the_best_of_all_plans(seed: int) -> None:
    """Every deterministic plan (time, state) -> action, played forward and its rewards summed."""
    P, initial, horizon = random_environment(seed), np.array([0.3, 0.7]), 3

    def forward(plan: tuple[tuple[int, ...], ...]) -> float:
        occupied, total = initial, 0.0
        for choices in plan:
            after = np.zeros(2)
            for state, action in enumerate(choices):
                for prob, successor, reward, done in P[state][action]:
                    total += occupied[state] * prob * reward
                    after[successor] += 0.0 if done else occupied[state] * prob
            occupied = after
        return total

    rules = itertools.product(range(2), repeat=2)
    best = max(forward(plan) for plan in itertools.product(rules, repeat=horizon))
    assert_close(oracles.optimal_return(P, initial, horizon), best)


def test_optimal_return_of_slippery_frozen_lake() -> None:
    """Given time, the 4 x 4 lake is crossed with probability 14/17."""
    lake: Any = gym.make("FrozenLake-v1").unwrapped
    value = oracles.optimal_return(lake.P, lake.initial_state_distrib, 2000)
    assert_close(value, 14 / 17, atol=1e-9)
    assert oracles.optimal_return(lake.P, lake.initial_state_distrib, 5) == 0.0  # six moves away
