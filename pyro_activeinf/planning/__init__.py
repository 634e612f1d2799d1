"""Planners: from a belief to a posterior over policies."""

from .amortized import AmortizedPolicy
from .augmented import Augmented, FreeGuide, FutureGuide, PredictiveGuide
from .base import Planner, Resumable
from .categorical_policy import CategoricalPolicy
from .cross_entropy import CrossEntropy
from .epistemic_priors import EpistemicPriors
from .flow_policy import FlowPolicy
from .gaussian_policy import GaussianPolicy
from .habitual import Habitual
from .inductive import Inductive
from .natural import EnumeratedPolicies
from .open_loop import OpenLoop
from .policy_guides import GuideFamily, PolicyGuide
from .priors import ModelHabit, PolicyPrior, Proposal
from .sophisticated import Sophisticated
from .tree_search import TreeSearch
from .variational import Variational

__all__ = [
    "AmortizedPolicy",
    "Augmented",
    "CategoricalPolicy",
    "CrossEntropy",
    "EnumeratedPolicies",
    "EpistemicPriors",
    "FlowPolicy",
    "FreeGuide",
    "FutureGuide",
    "GaussianPolicy",
    "GuideFamily",
    "Habitual",
    "Inductive",
    "ModelHabit",
    "OpenLoop",
    "Planner",
    "PolicyGuide",
    "PolicyPrior",
    "PredictiveGuide",
    "Proposal",
    "Resumable",
    "Sophisticated",
    "TreeSearch",
    "Variational",
]
