"""Functions that make an agent and a world; workers import them."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from pyro_activeinf import Agent
from pyro_activeinf.models import TMaze
from pyro_activeinf.planning import OpenLoop


def visitor(validity: float = 0.98) -> tuple[Agent, Any]:
    """An agent in a T-maze."""
    agent = Agent(TMaze(validity=validity), planner=OpenLoop(2), action_precision=1.0)
    return agent, gym.make("pyro_activeinf/TMaze-v0")


def alone() -> Agent:
    """An agent without a world."""
    return visitor()[0]
