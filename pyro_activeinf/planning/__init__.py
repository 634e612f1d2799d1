"""Planners: from a belief to a posterior over policies."""

from .base import Planner
from .categorical_policy import CategoricalPolicy
from .cross_entropy import CrossEntropy
from .flow_policy import FlowPolicy
from .gaussian_policy import GaussianPolicy
from .inductive import Inductive
from .natural import EnumeratedPolicies
from .open_loop import OpenLoop
from .policy_guides import GuideFamily, PolicyGuide
from .priors import ModelHabit, PolicyPrior, Proposal
from .sophisticated import Sophisticated
from .tree_search import TreeSearch
from .variational import Variational

__all__ = [
    "CategoricalPolicy",
    "CrossEntropy",
    "EnumeratedPolicies",
    "FlowPolicy",
    "GaussianPolicy",
    "GuideFamily",
    "Inductive",
    "ModelHabit",
    "OpenLoop",
    "Planner",
    "PolicyGuide",
    "PolicyPrior",
    "Proposal",
    "Sophisticated",
    "TreeSearch",
    "Variational",
]
