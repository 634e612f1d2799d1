"""Planners: from a belief to a posterior over policies."""

from .base import Planner
from .cross_entropy import CrossEntropy
from .inductive import Inductive
from .open_loop import OpenLoop
from .priors import ModelHabit, PolicyPrior
from .sophisticated import Sophisticated
from .tree_search import TreeSearch

__all__ = [
    "CrossEntropy",
    "Inductive",
    "ModelHabit",
    "OpenLoop",
    "Planner",
    "PolicyPrior",
    "Sophisticated",
    "TreeSearch",
]
