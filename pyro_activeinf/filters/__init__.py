"""Filters: the recursions that carry a belief, by prediction and update."""

from .base import Branches, BranchingFilter, Filter
from .belief import JointBelief
from .exact import ExactFilter
from .smoothing import Smoothing

__all__ = ["Branches", "BranchingFilter", "ExactFilter", "Filter", "JointBelief", "Smoothing"]
