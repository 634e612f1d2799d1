"""The T-maze: an agent that seeks information and reward beside one that seeks reward alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import gymnasium as gym

from ..agents import Agent
from ..envs.tmaze import CONTEXTS, CUE, LOCATIONS, OUTCOMES, POSITIONS, REWARD
from ..models import TMaze
from ..planning import OpenLoop
from ..records import PolicyPosterior, Trajectory
from ..rollout import rollout
from .proportion import Proportion
from .results import Row

WORLD = "T-maze"
HORIZON = 2  # moves in a trial
LABELS = {
    "context": CONTEXTS,
    "location": LOCATIONS,
    "position": POSITIONS,
    "reward": OUTCOMES,
    "action": LOCATIONS,
}


def epistemic(trials: int, progress: bool = True) -> Trajectory:
    """The agent that minimizes expected free energy, all of it."""
    return play(None, trials, progress)


def reward_only(trials: int, progress: bool = True) -> Trajectory:
    """The agent that counts pragmatic value alone."""
    return play({"pragmatic"}, trials, progress)


def model() -> TMaze:
    """The maze as agents know it: a gamble is worth a little (0.05 nats), a cue more (0.69)."""
    return TMaze(reward=3.0, loss=-2.9)


def visitor(life: int = 0) -> tuple[Agent, gym.Env[Any, Any]]:
    """The epistemic agent and the maze, for many lives."""
    agent = Agent(model(), planner=OpenLoop(horizon=HORIZON))
    return agent, gym.make("pyro_activeinf/TMaze-v0")


def play(terms: Iterable[str] | None, trials: int, progress: bool) -> Trajectory:
    """Let an agent that knows the maze, but not where the reward is, live through trials."""
    agent = Agent(model(), planner=OpenLoop(horizon=HORIZON, terms=terms))
    return rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), episodes=trials, progress=progress)


def plans(trial: Trajectory) -> list[PolicyPosterior]:
    """What the epistemic agent made of its policies at each step of a trial."""
    agent = Agent(model(), planner=OpenLoop(horizon=HORIZON))
    found = []
    for t in range(len(trial.actions) - 1):
        observation = {site: values[t] for site, values in trial.observations.items()}
        agent.perceive(observation, action=trial.actions[t - 1] if t else None)
        found.append(agent.plan())
    return found


def rows(played: Mapping[str, Trajectory]) -> list[Row]:
    """In how many trials each agent visited the cue first, and ended with a reward."""
    measures = {"cue visited first": _cue_first, "rewarded at the end": _rewarded}
    return [
        Row(WORLD, agent, measure, Proportion.of([happened(t) for t in trajectory.episodes()]))
        for measure, happened in measures.items()
        for agent, trajectory in played.items()
    ]


def _cue_first(trial: Trajectory) -> bool:
    return int(trial.actions[0]) == CUE


def _rewarded(trial: Trajectory) -> bool:
    return int(trial.observations["reward"][-1]) == REWARD
