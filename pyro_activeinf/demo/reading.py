"""Reading: an agent of two levels, pages below a sentence."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from torch import Tensor

from ..agents import HierarchicalAgent, Highest, Level
from ..envs.reading import FEEDBACK, PLACES, SENTENCES, WORDS
from ..models import ReadingPage, ReadingSentence
from ..planning import OpenLoop
from ..records import Belief, Trajectory
from ..rollout import rollout
from .proportion import Proportion
from .results import Row

WORLD, AGENT = "Reading", "agent of two levels"
SURE, FIXATIONS = 0.95, 5
LABELS = {
    "level1/word": list(WORDS),
    "level1/flip": ["none", "left-right", "up-down", "both"],
    "level1/gaze": PLACES,
    "level2/sentence": [" ".join(words) for words in SENTENCES],
    "level2/leaf": [f"page {page}" for page in range(len(SENTENCES[0]))],
    "level2/verdict": FEEDBACK,
}


def known(belief: Belief) -> Tensor:
    """Whether the word on the page is known."""
    words: Any = belief.marginals["word"]
    probs: Tensor = words.probs
    return probs.amax(-1) > SURE


def agent(horizon: int = 1) -> HierarchicalAgent:
    """A page below a sentence; a page is left once its word is known."""
    page = Level(ReadingPage(), OpenLoop(horizon), steps_per_update=FIXATIONS, until=known)
    return HierarchicalAgent([page, Level(ReadingSentence(), OpenLoop(horizon))], Highest())


def play(trials: int, progress: bool = True) -> Trajectory:
    """Let the agent read and report sentence after sentence."""
    world = gym.make("pyro_activeinf/Reading-v0")
    return rollout(agent(), world, episodes=trials, progress=progress, keep_policies=False)


def row(trajectory: Trajectory) -> Row:
    """In how many trials the sentence was reported rightly."""
    right = [float(trial.rewards.nansum()) > 0 for trial in trajectory.episodes()]
    return Row(WORLD, AGENT, "sentence reported rightly", Proportion.of(right))
