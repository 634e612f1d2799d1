"""What both sides are asked to do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .behavior import Learner
from .cart import Cart
from .levels import Levels
from .swing import Swing
from .worlds import Integers, World, grid

PRECISION = 16.0  # of policies and of actions


@dataclass(frozen=True)
class Problem:
    """One task in one world; the two sides of a measurement get it in the same words.

    Args:
        task: ``scoring`` of policies, belief ``updating``, a whole ``stepping`` (perceive, plan,
            act), or a whole ``rollout``; of ours alone the ``products`` of matrices that scoring
            cannot do without, and ``living`` through trials. ``gaussian scoring`` of a cart,
            ``particle planning`` of a swing, ``stepping of levels``, the ``gradient of a
            population`` of learners.
        world: the model, and the world where there has to be one.
        horizon: number of actions in a policy.
        batch: number of agents.
        steps: number of actions of a rollout.
        policies: ``(policies, horizon, factors)`` to score instead of all of them.
    """

    task: str
    world: World | Cart | Swing | Levels | Learner
    horizon: int = 1
    batch: int = 1
    steps: int = 1
    policies: Integers | None = None

    def to_json(self) -> dict[str, Any]:
        """The problem as it is sent to a side."""
        return {
            "task": self.task,
            "world": self.world.to_json(self.batch),
            "horizon": self.horizon,
            "batch": self.batch,
            "steps": self.steps,
            "policies": None if self.policies is None else self.policies.tolist(),
            "precision": PRECISION,
        }

    def shrunk(self) -> Problem:
        """The same task in a small size, to try it out."""
        world = self.world if self.world.states <= 10 else grid(3)
        horizon, few = min(self.horizon, 2), self.policies
        return replace(
            self,
            world=world,
            horizon=horizon,
            batch=min(self.batch, 2),
            steps=min(self.steps, 3),
            policies=None if few is None else few[:3, :horizon],
        )

    def warm_up(self) -> Problem:
        """The smallest form of the task: it loads whatever the libraries load at first use."""
        return replace(self.shrunk(), horizon=1, batch=1, policies=None)


def some_policies(world: World, count: int, horizon: int, seed: int = 0) -> Integers:
    """Random policies, ``(count, horizon, factors)``.

    Example:
        >>> some_policies(grid(2), 7, 3).shape
        (7, 3, 1)
    """
    random = np.random.default_rng(seed)
    return random.integers(world.actions, size=(count, horizon, len(world.B)))
