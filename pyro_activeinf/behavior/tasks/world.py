"""Any Gymnasium world as a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor

from ..._checks import complain
from ..._worlds import World as Running
from ..._worlds import blank_out
from .base import Task, Trial


class World(Task):
    """A Gymnasium world with discrete actions: a subject for each member of a vector of worlds.

    Each episode is a session; what its reset shows is the cue of its first trial. Members whose
    episode ends earlier wait for the others: there is no trial meanwhile. Unlike other tasks it
    is not pure: the world moves on with every step.

    Args:
        env: a vector of worlds, or one for a single subject.
        sites: observation sites of the agent's model.
        names: the world's names for them, where they differ: name in the world to site.
        reward: site under which the world's reward is an outcome as well, if any.

    Raises:
        ValueError: for a world whose actions are not discrete.

    Example:
        >>> from pyro_activeinf.envs import TMaze
        >>> import pyro
        >>> pyro.set_rng_seed(0)
        >>> task = World(TMaze(), sites=["position", "reward"])
        >>> trial = task.begin(subjects=1)
        >>> outcome, trial = task.step(trial, torch.tensor([1]))
        >>> outcome["position"].tolist(), trial.starts.tolist()
        ([1], [False])
        >>> task.step(trial, torch.tensor([1]))[1].starts.tolist()
        [True]
    """

    def __init__(
        self,
        env: gym.Env[Any, Any] | gym.vector.VectorEnv[Any, Any, Any],
        sites: Sequence[str],
        names: Mapping[str | int, str] | None = None,
        reward: str | None = None,
    ) -> None:
        self.running = Running(env, sites, names)
        space = self.running.actions
        if not isinstance(space, gym.spaces.Discrete):
            raise ValueError(complain("env", "a world with Discrete actions", space))
        self.actions = int(space.n)
        self.reward = reward

    @property
    def num_actions(self) -> int:
        """Number of actions."""
        return self.actions

    def begin(self, subjects: int) -> Trial:
        """The first episode; its seed is drawn from torch's generator."""
        members = self.running.batch[0] if self.running.batch else 1
        if subjects != members:
            way_out = "Make a vector of as many worlds: gymnasium.make_vec(.., num_envs=..)."
            raise ValueError(
                complain("subjects", f"{members}, as many as worlds", subjects, way_out)
            )
        return self._episode(int(torch.randint(2**31, ())))

    def step(self, trial: Trial, action: Tensor) -> tuple[dict[str, Tensor], Trial]:
        """Take the actions; where all episodes have ended, begin others."""
        seen, reward = self.running.step(action.reshape(self.running.batch))
        outcome = self._listed(seen)
        if self.reward is not None:
            outcome[self.reward] = reward.reshape(-1)
        over = self.running.over.reshape(-1)
        if bool(over.all()):
            return outcome, self._episode(None)
        nothing = torch.zeros_like(over)
        blank = {site: blank_out(value, ~nothing) for site, value in trial.cue.items()}
        return outcome, Trial(None, starts=nothing, present=~over, cue=blank)

    def _episode(self, seed: int | None) -> Trial:
        cue = self._listed(self.running.reset(seed))
        every = torch.ones(len(next(iter(cue.values()))), dtype=torch.bool)
        return Trial(None, starts=every, present=every, cue=cue)

    def _listed(self, seen: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if self.running.batch:
            return dict(seen)
        return {site: value.unsqueeze(0) for site, value in seen.items()}
