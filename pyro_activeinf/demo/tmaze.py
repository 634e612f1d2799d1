"""The T-maze: an agent that seeks information and reward beside one that seeks reward alone."""

from __future__ import annotations

from collections.abc import Iterable

import gymnasium as gym

from ..agents import Agent
from ..envs.tmaze import CUE, REWARD
from ..models import TMaze
from ..planning import OpenLoop
from ..records import Trajectory
from ..rollout import rollout
from .proportion import Proportion
from .results import Row

WORLD = "T-maze"


def epistemic(trials: int, progress: bool = True) -> Trajectory:
    """The agent that minimizes expected free energy, all of it."""
    return play(None, trials, progress)


def reward_only(trials: int, progress: bool = True) -> Trajectory:
    """The agent that counts pragmatic value alone."""
    return play({"pragmatic"}, trials, progress)


def play(terms: Iterable[str] | None, trials: int, progress: bool) -> Trajectory:
    """Let an agent that knows the maze, but not where the reward is, live through trials."""
    agent = Agent(TMaze(), planner=OpenLoop(horizon=2, terms=terms))
    return rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), episodes=trials, progress=progress)


def rows(agent: str, trajectory: Trajectory) -> tuple[Row, Row]:
    """In how many trials the cue was visited first, and how many ended with a reward."""
    trials = trajectory.episodes()
    cue_first = [int(trial.actions[0]) == CUE for trial in trials]
    rewarded = [int(trial.observations["reward"][-1]) == REWARD for trial in trials]
    return (
        Row(WORLD, agent, "cue visited first", Proportion.of(cue_first)),
        Row(WORLD, agent, "rewarded at the end", Proportion.of(rewarded)),
    )
