"""FrozenLake as Gymnasium ships it: slippery ice, four holes and a goal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor

from ..agents import Agent
from ..models import from_gymnasium
from ..planning import OpenLoop
from ..records import Trajectory
from ..rollout import rollout
from .optimum import optimal_return
from .proportion import Proportion
from .results import Row

WORLD, AGENT = "FrozenLake 4x4", "open-loop agent"
STEPS = 100  # the limit with which Gymnasium registers it
HOLDS = (1, 6, 6)  # a policy: one action, then two that are kept up for six steps each
REWARD_SCALE = 500.0  # nats: large, so that the goal outweighs the pull of uncertain outcomes


def world() -> gym.Env[Any, Any]:
    """The world: 4 x 4 fields, on which two of three moves slip to the side."""
    return gym.make("FrozenLake-v1", max_episode_steps=STEPS)


def held_policies(actions: int, holds: Sequence[int]) -> Tensor:
    """Every policy that keeps its first action up for ``holds[0]`` steps, and so on.

    A few long policies rather than all of the short ones: slippery ice is crossed by patience.

    Returns:
        ``(actions ** len(holds), sum(holds))``.

    Example:
        >>> held_policies(2, (1, 2)).tolist()
        [[0, 0, 0], [0, 1, 1], [1, 0, 0], [1, 1, 1]]
    """
    choices = torch.cartesian_prod(*[torch.arange(actions)] * len(holds))
    return choices.reshape(-1, len(holds)).repeat_interleave(torch.tensor(holds), 1)


def agent(env: gym.Env[Any, Any]) -> Agent:
    """An agent whose model is the world's own transition table."""
    model = from_gymnasium(env, reward_scale=REWARD_SCALE)
    policies = held_policies(model.transition_table.shape[1], HOLDS)
    return Agent(model, planner=OpenLoop(sum(HOLDS), policies=policies))


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
