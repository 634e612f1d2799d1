"""One face for a Gymnasium world and for a vector of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from ._checks import complain

Names = Mapping[str | int, str]


class World:
    """A world, or a vector of worlds that each live one episode at a time, in step.

    A member whose episode has ended shows nothing more (-1 or NaN) until the next reset.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any] | gym.vector.VectorEnv[Any, Any, Any],
        sites: Sequence[str],
        names: Names | None,
    ) -> None:
        self.env: Any = env
        self.sites, self.names = sites, names
        if isinstance(env, gym.vector.VectorEnv):
            self.batch: tuple[int, ...] = (env.num_envs,)
            self.space, self.actions = env.single_observation_space, env.single_action_space
        else:
            self.batch = ()
            self.space, self.actions = env.observation_space, env.action_space
        self.over = torch.zeros(self.batch, dtype=torch.bool)

    def reset(self, seed: int | None) -> dict[str, Tensor]:
        """Start an episode (of every member)."""
        seen, _ = self.env.reset(seed=seed)
        self.over = torch.zeros(self.batch, dtype=torch.bool)
        return self._named(seen)

    def step(self, action: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Take an action; returns what is seen and the rewards ``(*batch)``."""
        running = ~self.over
        seen, reward, terminated, truncated, _ = self.env.step(self._as_taken(action))
        named = {name: blank_out(value, self.over) for name, value in self._named(seen).items()}
        rewards = torch.as_tensor(reward, dtype=torch.get_default_dtype())
        self.over = self.over | torch.as_tensor(terminated) | torch.as_tensor(truncated)
        return named, torch.where(running, rewards, torch.nan)

    def _named(self, seen: Any) -> dict[str, Tensor]:
        found = named_observation(seen, self.space, self.sites, self.names)
        return {name: torch.as_tensor(np.asarray(value)) for name, value in found.items()}

    def _as_taken(self, action: Tensor) -> Any:
        array = action.numpy(force=True)
        if not self.batch and isinstance(self.actions, gym.spaces.Discrete):
            return int(array)
        return array.astype(self.actions.dtype)


def blank_out(value: Tensor, where: Tensor) -> Tensor:
    """The values with those of some members of the batch missing: NaN for reals, else -1."""
    if not bool(where.any()):
        return value
    missing = torch.nan if value.is_floating_point() else -1
    return torch.where(
        where.reshape(*where.shape, *[1] * (value.dim() - where.dim())), missing, value
    )


def named_observation(
    seen: Any, space: gym.Space[Any], sites: Sequence[str], names: Names | None = None
) -> dict[str, Any]:
    """Match what a world shows with the observation sites of a model.

    The entries of a ``Dict`` go by their keys, those of a ``Tuple`` or ``MultiDiscrete`` by their
    positions, which stand for the sites in order unless ``names`` says otherwise; an observation
    that is one thing is entry 0, and stands for the model's only site, or for ``observation``.

    Raises:
        ValueError: where names or numbers do not fit.

    Example:
        >>> named_observation(2, gym.spaces.Discrete(4), ["place"])
        {'place': 2}
        >>> space = gym.spaces.Dict({"gps": gym.spaces.Discrete(4)})
        >>> named_observation({"gps": 1}, space, ["place"], {"gps": "place"})
        {'place': 1}
    """
    entries = _entries(seen, space)
    site_of = _by_default(entries, sites) if names is None else _checked(names, entries, sites)
    found = {site_of[key]: entries[key] for key in entries if site_of.get(key) in sites}
    if not found:
        raise ValueError(
            complain(
                "env.observation_space",
                f"observations of the sites {list(sites)}",
                space,
                "Say which entry is which site: rollout(.., names={entry: site}).",
            )
        )
    return found


def _checked(
    names: Names, entries: Mapping[str | int, Any], sites: Sequence[str]
) -> dict[str | int, str]:
    """The names as given; a mistyped one would leave its site unobserved."""
    if not isinstance(names, Mapping):
        raise TypeError(complain("names", "a dict {entry: site}", repr(names)))
    wrong = [pair for pair in names.items() if pair[0] not in entries or pair[1] not in sites]
    if wrong:
        raise ValueError(
            complain("names", f"entries among {list(entries)} to sites among {list(sites)}", wrong)
        )
    return dict(names)


def _entries(seen: Any, space: gym.Space[Any]) -> dict[str | int, Any]:
    if isinstance(seen, Mapping):
        return dict(seen)
    if isinstance(space, gym.spaces.Tuple):
        return dict(enumerate(seen))
    if isinstance(space, gym.spaces.MultiDiscrete):
        return dict(enumerate(np.moveaxis(np.asarray(seen), -1, 0)))
    return {0: seen}


def _by_default(entries: Mapping[str | int, Any], sites: Sequence[str]) -> dict[str | int, str]:
    if any(isinstance(key, str) for key in entries):
        return {key: key for key in entries if isinstance(key, str)}
    if len(entries) == len(sites):
        return dict(enumerate(sites))
    return {0: "observation"} if len(entries) == 1 else {}
