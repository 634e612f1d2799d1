"""FrozenLake as Gymnasium ships it: slippery ice, four holes and a goal."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym

from ..agents import Agent
from ..models import from_gymnasium
from ..planning import Sophisticated
from ..records import Trajectory
from ..rollout import rollout
from .optimum import optimal_return
from .proportion import Proportion
from .results import Row

WORLD, AGENT = "FrozenLake 4x4", "closed-loop agent"
STEPS = 100  # the limit with which Gymnasium registers it


def world() -> gym.Env[Any, Any]:
    """The world: 4 x 4 fields, on which two of three moves slip to the side."""
    return gym.make("FrozenLake-v1", max_episode_steps=STEPS)


def agent(env: gym.Env[Any, Any]) -> Agent:
    """An agent whose model is the world's own transition table, and which plans in closed loop."""
    planner = Sophisticated(STEPS, precision=math.inf, terms={"pragmatic"}, deadline=STEPS)
    return Agent(from_gymnasium(env), planner=planner, action_precision=math.inf)


def play(episodes: int, progress: bool = True) -> Trajectory:
    """Let an agent cross the lake again and again."""
    env = world()
    return rollout(agent(env), env, episodes=episodes, progress=progress, keep_policies=False)


def row(trajectory: Trajectory) -> Row:
    """In how many episodes the goal was reached, the only event that the world rewards."""
    reached = [float(episode.rewards.nansum()) > 0 for episode in trajectory.episodes()]
    return Row(WORLD, AGENT, "goal reached", Proportion.of(reached))


def optimum() -> float:
    """Probability of reaching the goal in time under the optimal policy."""
    model = from_gymnasium(world())
    outcome = model.transition_table[..., None] * model.reward_table
    reward = (outcome * model.rewards).sum((-1, -2))
    return float(optimal_return(model.transition_table, reward, model.initial_probs, STEPS))
