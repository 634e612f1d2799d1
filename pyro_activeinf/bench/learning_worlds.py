"""Agents that learn their tables: a T-maze whose context stays, and a grid that is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ..agents import Agent
from ..envs import GridWorld, TMaze
from ..learning import DirichletLearner, EachStep
from ..models import CategoricalTable, GenerativeModel, LogPreferences
from ..models import TMaze as Maze
from ..models.tmaze import CENTER, CUE
from ..planning import OpenLoop, Sophisticated
from ..rollout import rollout

TRIALS, MOVES = 32, 2
MAP = "S..#G\n...##\n.....\n.#...\n....."  # the goal is out of reach, so that no episode ends
TERMS: Mapping[str, tuple[str, ...]] = {
    "nothing to seek": ("pragmatic",),
    "information about states": ("pragmatic", "epistemic"),
    "novelty": ("pragmatic", "novelty"),
    "both": ("pragmatic", "epistemic", "novelty"),
}
LEARNED: Mapping[str, tuple[str, ...]] = {
    "nothing": (),
    "the context": ("context",),
    "context, likelihood, habit": ("context", "outcome", "usual"),
}


class LearningMaze(GenerativeModel):
    """The T-maze; context, outcomes and habit are tables with counts.

    Args:
        context, outcome, habit: how many trials what is believed at first counts for.
    """

    actions = gym.spaces.Discrete(4)

    def __init__(self, context: float = 4.0, outcome: float = 4.0, habit: float = 16.0) -> None:
        super().__init__()
        self.maze = Maze()
        self.context = CategoricalTable(torch.full((2,), context / 2))
        self.outcome = CategoricalTable(outcome * self.maze.outcome)
        self.usual = CategoricalTable(torch.full((4,), habit / 4))

    def initial(self) -> tuple[Tensor, Tensor]:
        """The context as it was so far; a trial starts at the center."""
        start = torch.eye(4).to(self.maze.outcome)[CENTER]
        context = pyro.sample("context", self.context())
        return context, pyro.sample("location", dist.Categorical(start))

    def transition(self, state: tuple[Tensor, Tensor], action: Tensor) -> tuple[Tensor, Tensor]:
        """As in the T-maze."""
        return self.maze.transition(state, action)

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        """The place, what the cue says, and what an arm has held so far."""
        context, location = state
        seen = torch.where(location == CUE, CUE + context, location)
        pyro.sample("position", dist.Categorical(torch.eye(5).to(self.maze.outcome)[seen]))
        pyro.sample("reward", self.outcome(context, location))

    def prefer(self) -> None:
        """A reward rather than nothing, nothing rather than a loss."""
        pyro.sample("reward", LogPreferences(self.maze.preference))

    def habit(self) -> None:
        """What is usually done."""
        pyro.sample("action", self.usual())


class SameContext(gym.Wrapper[Any, Any, Any, Any]):
    """A T-maze whose reward is on the left in every trial."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Start a trial."""
        return self.env.reset(seed=seed, options={"context": 0})


@dataclass(frozen=True)
class Life:
    """The trials of one agent in the T-maze."""

    learned: str
    seed: int
    cue: list[bool]  # whether the trial began at the cue
    reward: list[float]  # of the trial


def live(learned: str, seed: int, trials: int = TRIALS) -> Life:
    """Let an agent live through some trials, learning after each."""
    pyro.set_rng_seed(seed)
    model = LearningMaze()
    learner = DirichletLearner(model, tables=[getattr(model, name) for name in LEARNED[learned]])
    planner = Sophisticated(MOVES, precision=2.0, deadline=MOVES)
    agent = Agent(model, planner=planner, action_precision=1.0, learner=learner)
    world = SameContext(TMaze(moves=MOVES))
    run = rollout(agent, world, episodes=trials, progress=False, keep_policies=False)
    parts = run.episodes()
    cue = [bool(part.actions[0] == CUE) for part in parts]
    return Life(learned, seed, cue, [float(part.rewards.nansum()) for part in parts])


class Mapmaker(GenerativeModel):
    """Places that are seen, and moves of which nothing is known but that they lead to a place.

    Args:
        places: their number.
        prior: the count of each place to which a move might lead.
    """

    actions = gym.spaces.Discrete(4)

    def __init__(self, places: int, prior: float = 0.1) -> None:
        super().__init__()
        self.move = CategoricalTable(torch.full((places, 4, places), prior))
        self.register_buffer("same", torch.eye(places))

    def initial(self) -> Tensor:
        """Anywhere."""
        return pyro.sample("location", dist.Categorical(self.same.mean(0)))

    def transition(self, location: Tensor, action: Tensor) -> Tensor:
        """As counted so far."""
        return pyro.sample("location", self.move(location, action))

    def observe(self, location: Tensor) -> None:
        """The place."""
        pyro.sample("position", dist.Categorical(self.same[location]))


@dataclass(frozen=True)
class Coverage:
    """How an agent came to know a grid."""

    sought: str
    seed: int
    pairs: int  # pairs of a place and an action that there are
    steps: int  # until each was tried, or until the limit
    covered: list[int]  # pairs tried after each step


def explore(sought: str, seed: int, limit: int = 3000) -> Coverage:
    """Let an agent without any map walk until it has tried every action in every place."""
    pyro.set_rng_seed(seed)
    world = GridWorld.from_text(MAP)
    observation, _ = world.reset(seed=seed)
    places = world.sizes[0] * world.sizes[1]
    pairs = 4 * (places - len(world.walls) - len(world.goals))
    model = Mapmaker(places)
    planner = OpenLoop(4, precision=16.0, terms=TERMS[sought])
    learner = DirichletLearner(model, EachStep())
    agent = Agent(model, planner=planner, action_precision=1.0, learner=learner)
    tried: set[tuple[int, int]] = set()
    covered: list[int] = []
    with torch.no_grad():
        while len(tried) < pairs and len(covered) < limit:
            agent.perceive({"position": observation["position"]})
            action = int(agent.act())
            tried.add((observation["position"], action))
            covered.append(len(tried))
            observation = world.step(action)[0]
    return Coverage(sought, seed, pairs, len(covered), covered)
