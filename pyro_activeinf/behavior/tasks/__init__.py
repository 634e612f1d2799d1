"""Tasks: experiments that simulated subjects go through, all at once."""

from .bandit import Bandit, GaussianBandit, random_walks
from .base import Task, Trial
from .reversal import Criterion, Every, ReversalLearning, Reversals
from .tmaze import TMaze
from .world import World

__all__ = [
    "Bandit",
    "Criterion",
    "Every",
    "GaussianBandit",
    "ReversalLearning",
    "Reversals",
    "TMaze",
    "Task",
    "Trial",
    "World",
    "random_walks",
]
