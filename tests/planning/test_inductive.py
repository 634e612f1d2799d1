"""Inductive planning: backward reachability as a prior."""

import math
from collections import deque

import gymnasium as gym
import numpy as np
import pytest
import torch

from pyro_activeinf import Agent
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import POMDP, TMaze, from_gymnasium
from pyro_activeinf.planning import Inductive, OpenLoop
from pyro_activeinf.planning.inductive import distances, goal_states


def shortest(
    table: dict[int, dict[int, list[tuple[float, int, float, bool]]]], goal: int
) -> list[float]:
    """Steps to the goal by breadth-first search, backwards."""
    found = {goal: 0.0}
    queue = deque([goal])
    while queue:
        after = queue.popleft()
        for state, row in table.items():
            leads = any(s == after and p > 0 for outs in row.values() for p, s, _, _ in outs)
            if leads and state not in found:
                found[state] = found[after] + 1
                queue.append(state)
    return [found.get(state, math.inf) for state in table]


def test_distances_are_those_of_breadth_first_search() -> None:
    env = gym.make("FrozenLake-v1", is_slippery=False)
    exact = ExactFilter(from_gymnasium(env))
    goal = goal_states(exact.tables.states, {"state": 15})
    found = distances(exact.transition, goal, 20, 0.0).reshape(16, 2)[:, 0]
    assert found.tolist() == shortest(env.unwrapped.P, 15)  # type: ignore[attr-defined]
    near = distances(exact.transition, goal, 2, 0.0).reshape(16, 2)[:, 0]
    assert near[14] == 1
    assert near[0] == math.inf


def test_the_charge_is_the_probability_of_coming_no_closer() -> None:
    rng = np.random.default_rng(0)
    B = np.moveaxis(rng.dirichlet(np.ones(4), size=(4, 3)), -1, 0)
    B[B < 0.15] = 0.0
    B /= B.sum(0)
    exact = ExactFilter(POMDP([np.eye(4)], [B]))
    planner = Inductive(OpenLoop(1, terms=[]), {"s0": 2}, depth=9, epsilon=0.01)
    belief = exact.initial()
    distance = distances(exact.transition, torch.arange(4) == 2, 9, 0.0)
    weights = []
    for u in range(3):
        astray = sum(
            float(belief.probs[s] * B[t, s, u])
            for s in range(4)
            for t in range(4)
            if distance[s] < math.inf and distance[t] >= distance[s]
        )
        weights.append(0.01**astray)
    expected = torch.tensor(weights) / sum(weights)
    torch.testing.assert_close(planner(exact, belief).action_probs, expected)


def test_a_short_horizon_reaches_a_far_goal() -> None:
    env = gym.make("FrozenLake-v1", is_slippery=False)
    model = from_gymnasium(env)
    planner = Inductive(OpenLoop(1), {"state": 15}, depth=30)
    agent = Agent(model, planner=planner, action_precision=math.inf)
    seen, _ = env.reset(seed=0)
    reward = 0.0
    for _ in range(6):
        agent.perceive({"observation": seen})
        seen, reward, over, _, _ = env.step(int(agent.act()))  # type: ignore[assignment]
    assert over
    assert reward == 1.0


def test_goals_may_name_several_values_and_sites() -> None:
    sites = ExactFilter(TMaze()).tables.states
    assert goal_states(sites, {"location": [1, 2]}).sum() == 4
    assert goal_states(sites, {"location": 1, "context": 0}).nonzero().tolist() == [[1]]
    for wrong in ({"place": 1}, {"location": 4}):
        with pytest.raises(ValueError, match="`goal"):
            goal_states(sites, wrong)


@pytest.mark.parametrize(
    ("depth", "epsilon", "threshold"), [(0, 0.1, 0), (3, 0.0, 0), (3, 0.1, 1.0)]
)
def test_wrong_arguments_are_named(depth: int, epsilon: float, threshold: float) -> None:
    with pytest.raises(ValueError, match=r"`depth`|`threshold, epsilon`"):
        Inductive(OpenLoop(1), {"location": 1}, depth, threshold, epsilon)
