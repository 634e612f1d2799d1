"""Worlds in which agents show what their plans are worth."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import pyro
import torch
from torch import Tensor

from ..agents import Agent
from ..filters import ExactFilter
from ..models import GenerativeModel, RockSample, Tiger, from_gymnasium
from ..planning import Planner, Sophisticated, TreeSearch
from ..records import Belief, Trajectory
from ..rollout import rollout

AT_ONCE = 100  # agents that live side by side
REWARD: dict[str, Any] = {"terms": {"pragmatic"}, "precision": math.inf}  # the best of it


class Game(ABC):
    """A world, an agent's model of it, and how the agent plans."""

    discount = 1.0

    @abstractmethod
    def env(self) -> gym.Env[Any, Any]:
        """The world."""

    @abstractmethod
    def model(self) -> GenerativeModel:
        """What the agent takes the world to be."""

    @abstractmethod
    def planner(self) -> Planner:
        """How it plans."""

    def predicted(self, exact: ExactFilter, start: Belief) -> float | None:
        """The return that the planner expects, where it claims to know."""
        return None


class FrozenLake(Game):
    """Slippery ice, and a goal to be reached in so many steps; everything is seen."""

    def __init__(self, map_name: str, steps: int) -> None:
        self.map_name, self.steps = map_name, steps

    def env(self) -> gym.Env[Any, Any]:
        """The world, with its limit of steps."""
        return gym.make("FrozenLake-v1", map_name=self.map_name, max_episode_steps=self.steps)

    def model(self) -> GenerativeModel:
        """The world's own table, in which the goal alone is preferred; to more than six digits."""
        return from_gymnasium(self.env()).double()

    def planner(self) -> Sophisticated:
        """In closed loop, to the last step."""
        return Sophisticated(self.steps, deadline=self.steps, **REWARD)

    def predicted(self, exact: ExactFilter, start: Belief) -> float:
        """The probability of reaching the goal."""
        return -float(self.planner()(exact, start).expected_free_energy.min())


class Rocks(Game):
    """RockSample(4, 4) of Smith and Simmons (2004)."""

    discount = 0.95

    def env(self) -> gym.Env[Any, Any]:
        """The world; who wanders about for 100 steps has missed the exit."""
        return gym.make("pyro_activeinf/RockSample-v0", n=4, k=4, max_episode_steps=100)

    def model(self) -> GenerativeModel:
        """The world's own dynamics."""
        return RockSample(4, 4)

    def planner(self) -> TreeSearch:
        """A tree search that trusts its bounds: they are true ones, as reward alone counts."""
        return TreeSearch(25, 1500, self.discount, exploration=0.1, **REWARD)


GAMES: dict[str, Callable[[], Game]] = {
    "FrozenLake 4x4": lambda: FrozenLake("4x4", 100),
    "FrozenLake 8x8": lambda: FrozenLake("8x8", 200),
    "RockSample(4,4)": Rocks,
}


def play(name: str, episodes: int, seed: int) -> dict[str, Any]:
    """Returns of some episodes, what was predicted, and the seconds that it took."""
    pyro.set_rng_seed(seed)
    game = GAMES[name]()
    begin = time.perf_counter()
    agent = Agent(game.model(), planner=game.planner(), action_precision=math.inf)
    members = min(episodes, AT_ONCE)
    worlds = gym.vector.SyncVectorEnv([game.env] * members)
    run = rollout(agent, worlds, episodes=episodes, progress=False, keep_policies=False)
    found = discounted_returns(run, game.discount)[:episodes]
    seconds = time.perf_counter() - begin
    return {
        "returns": found.tolist(),
        "predicted": _prediction(game, run),
        "seconds": seconds,
    }


def _prediction(game: Game, run: Trajectory) -> float | None:
    exact = ExactFilter(game.model())
    first = {name: value.flatten(0, 1)[0] for name, value in run.observations.items()}
    return game.predicted(exact, exact.update(exact.initial(), first))


def discounted_returns(run: Trajectory, discount: float) -> Tensor:
    r""":math:`\sum_t \delta^t r_t` of every episode of every member, ``(episodes,)``.

    Episodes follow each other, with all members of each side by side.
    """
    weighted = run.rewards.nan_to_num(0.0) * discount**run.step
    numbers = run.episode.unique()
    return torch.stack([weighted[..., run.episode == n].sum(-1) for n in numbers]).flatten()


def tiger_values(horizons: list[int], discount: float) -> dict[str, Any]:
    """Values of the tiger's problem at some horizons, and the seconds that they took."""
    exact = ExactFilter(Tiger())
    begin = time.perf_counter()
    values = [
        -float(
            Sophisticated(h, discount, **REWARD)(exact, exact.initial()).expected_free_energy.min()
        )
        for h in horizons
    ]
    return {"values": values, "seconds": time.perf_counter() - begin}
