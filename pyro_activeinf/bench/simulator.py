"""A vector of worlds that follow a model's own tables: the agents' model is true of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils import batch_space

from .worlds import Array, Integers, World


class Simulator(gym.vector.VectorEnv[dict[str, Any], Any, Any]):
    """Independent copies of a :class:`World`, drawn from its arrays; episodes never end.

    Example:
        >>> from pyro_activeinf.bench.worlds import grid
        >>> worlds = Simulator(grid(3), 4)
        >>> seen, _ = worlds.reset(seed=0)
        >>> seen["o0"].shape
        (4,)
    """

    def __init__(self, world: World, num_envs: int) -> None:
        self.world, self.num_envs = world, num_envs
        self.single_observation_space = gym.spaces.Dict(
            {f"o{m}": gym.spaces.Discrete(a.shape[0]) for m, a in enumerate(world.A)}
        )
        counts = [world.actions[f] for f in world.controlled]
        self.single_action_space = (
            gym.spaces.Discrete(counts[0]) if len(counts) == 1 else gym.spaces.MultiDiscrete(counts)
        )
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._A = [a.cumsum(0) for a in world.A]
        self._B = [b.cumsum(0) for b in world.B]
        self._states: list[Integers] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw first states and observations."""
        super().reset(seed=seed, options=options)
        each = np.ones(self.num_envs)
        self._states = [self._draw(np.multiply.outer(d.cumsum(), each)) for d in self.world.D]
        return self._look(), {}

    def step(self, actions: Any) -> tuple[dict[str, Any], Array, Any, Any, dict[str, Any]]:
        """Draw next states and observations."""
        chosen = np.zeros((self.num_envs, len(self._B)), dtype=np.int64)
        chosen[:, list(self.world.controlled)] = np.reshape(actions, (self.num_envs, -1))
        parts = zip(self._B, self.world.B_dependencies, chosen.T, strict=True)
        self._states = [self._draw(self._columns(b, deps, u)) for b, deps, u in parts]
        going_on = np.zeros(self.num_envs, dtype=bool)
        return self._look(), np.zeros(self.num_envs), going_on, going_on, {}

    def _look(self) -> dict[str, Any]:
        parts = zip(self._A, self.world.A_dependencies, strict=True)
        drawn = [self._draw(self._columns(a, deps)) for a, deps in parts]
        return {f"o{m}": values for m, values in enumerate(drawn)}

    def _columns(self, array: Array, parents: Sequence[int], *rest: Integers) -> Array:
        """The columns of an array for the states as they are, ``(values, worlds)``."""
        index: tuple[Any, ...] = (slice(None), *(self._states[f] for f in parents), *rest)
        return array[index]

    def _draw(self, cumulated: Array) -> Integers:
        """One value for each column of cumulated probabilities ``(values, worlds)``."""
        threshold = self.np_random.random(self.num_envs) * cumulated[-1]
        return (cumulated <= threshold).sum(0)
