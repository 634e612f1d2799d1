"""The agent on FrozenLake, without sampling error where that can be had."""

from __future__ import annotations

import gymnasium as gym
import pytest
import torch

from pyro_activeinf.agents import Agent
from pyro_activeinf.demo import lake
from pyro_activeinf.filters import JointBelief
from pyro_activeinf.models import from_gymnasium
from pyro_activeinf.planning import OpenLoop

STATES = 16


def test_the_world_is_the_one_that_gymnasium_ships() -> None:
    ours, shipped = lake.world().spec, gym.spec("FrozenLake-v1")
    assert ours is not None
    assert ours.max_episode_steps == shipped.max_episode_steps == lake.STEPS
    assert ours.kwargs == shipped.kwargs
    assert lake.world().unwrapped.P == gym.make("FrozenLake-v1").unwrapped.P  # type: ignore[attr-defined]


def action_probs(agent: Agent, step: int) -> torch.Tensor:
    """What the agent does in each state: nothing else matters where all is seen."""
    start = agent.filter.initial()
    assert isinstance(start, JointBelief)
    joint = torch.zeros(STATES, STATES, 2)
    joint[range(STATES), range(STATES), 0] = 1.0
    belief = JointBelief(step, start.sites, probs_=joint.flatten(1))
    return agent.action_probs(agent.planner(agent.filter, belief))


def chance(agent: Agent) -> float:
    """Exact probability that the agent reaches the goal in time."""
    model = from_gymnasium(lake.world())
    reward = (model.transition_table[..., None] * model.reward_table * model.rewards).sum((-1, -2))
    agent.planner(agent.filter, agent.filter.initial())  # a plan from the start, to be followed
    value = torch.zeros(STATES)
    for step in reversed(range(lake.STEPS)):
        taken = action_probs(agent, step)
        value = (taken * (reward + model.transition_table @ value)).sum(-1)
    return float(value[0])


def test_the_agent_reaches_the_optimum() -> None:
    assert chance(lake.agent(lake.world())) == pytest.approx(lake.optimum(), abs=1e-9)


def test_short_open_loop_plans_fall_behind() -> None:
    model = from_gymnasium(lake.world(), reward_scale=500.0)
    assert chance(Agent(model, planner=OpenLoop(4))) < 0.6


def test_episodes_end_at_the_goal_or_in_a_hole() -> None:
    found = lake.play(3, progress=False)
    row = lake.row(found)
    last = [int(episode.observations["observation"][-1]) for episode in found.episodes()]
    assert row.proportion.trials == 3
    assert row.proportion.successes == last.count(STATES - 1)
    assert found.policy_probs is None
