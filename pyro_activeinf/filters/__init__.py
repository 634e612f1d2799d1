"""Filters: the recursions that carry a belief, by prediction and update."""

from .base import Branches, BranchingFilter, Filter, SweepingFilter
from .belief import JointBelief
from .exact import ExactFilter
from .factorized import FactorizedFilter
from .factorized_belief import FactorizedBelief
from .smoothing import Smoothing

__all__ = [
    "Branches",
    "BranchingFilter",
    "ExactFilter",
    "FactorizedBelief",
    "FactorizedFilter",
    "Filter",
    "JointBelief",
    "Smoothing",
    "SweepingFilter",
]
