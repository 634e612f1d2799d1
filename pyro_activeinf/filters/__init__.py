"""Filters: the recursions that carry a belief, by prediction and update."""

from .base import Filter
from .belief import JointBelief
from .exact import ExactFilter
from .smoothing import Smoothing

__all__ = ["ExactFilter", "Filter", "JointBelief", "Smoothing"]
