"""Filters: the recursions that carry a belief, by prediction and update."""

from .base import Branches, BranchingFilter, Filter, PolicyScoring, SweepingFilter
from .belief import JointBelief
from .exact import ExactFilter
from .factorized import FactorizedFilter
from .factorized_belief import FactorizedBelief
from .gaussian import GaussianFilter
from .gaussian_belief import GaussianBelief
from .gaussian_smoothing import GaussianSmoothing
from .observed import ObservedFilter
from .observed_belief import ObservedBelief
from .smoothing import Smoothing

__all__ = [
    "Branches",
    "BranchingFilter",
    "ExactFilter",
    "FactorizedBelief",
    "FactorizedFilter",
    "Filter",
    "GaussianBelief",
    "GaussianFilter",
    "GaussianSmoothing",
    "JointBelief",
    "ObservedBelief",
    "ObservedFilter",
    "PolicyScoring",
    "Smoothing",
    "SweepingFilter",
]
