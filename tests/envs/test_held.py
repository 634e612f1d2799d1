"""Actions that are held."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest

from pyro_activeinf.envs import Held


class Clock(gym.Env[Any, Any]):
    """Counts its steps, and pays the action."""

    observation_space = gym.spaces.Discrete(100)
    action_space = gym.spaces.Discrete(10)
    steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.steps = 0
        return 0, {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        return self.steps, float(action), self.steps == 7, self.steps == 11, {}


def test_an_action_is_held_until_the_end() -> None:
    slow = Held(Clock(), 3)
    slow.reset(seed=0)
    assert slow.step(2)[:4] == (3, 6.0, False, False)
    assert slow.step(1)[:4] == (6, 3.0, False, False)
    assert slow.step(5)[:4] == (7, 5.0, True, False)
    assert slow.step(1)[:4] == (10, 3.0, False, False)
    assert slow.step(1)[:4] == (11, 1.0, False, True)


@pytest.mark.parametrize("steps", [0, -1, 1.5, "two"])
def test_steps_are_checked(steps: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="`steps`"):
        Held(Clock(), steps)
