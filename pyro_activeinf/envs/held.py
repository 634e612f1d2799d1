"""A world whose clock ticks more slowly: each action is held for several of its steps."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from ._checks import count


class Held(gym.Wrapper[Any, Any, Any, Any]):
    """Holds each action for several steps of a world, or until its episode is over.

    A step of the wrapper is a step of the agent's model: rewards are added up, and what is seen
    is what the last of the steps showed.

    Args:
        env: the world.
        steps: for how many of its steps an action is held.

    Raises:
        ValueError: for less than one step.

    Example:
        >>> slow = Held(gym.make("CartPole-v1"), steps=2)
        >>> _ = slow.reset(seed=0)
        >>> slow.step(0)[1]  # one for each step of the world
        2.0
    """

    def __init__(self, env: gym.Env[Any, Any], steps: int) -> None:
        self.steps = count("steps", steps)
        super().__init__(env)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take the same action again and again."""
        total = 0.0
        for _ in range(self.steps):
            seen, reward, terminated, truncated, info = self.env.step(action)
            total += float(reward)
            if terminated or truncated:
                break
        return seen, total, terminated, truncated, info
