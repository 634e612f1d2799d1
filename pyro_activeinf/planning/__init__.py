"""Planners: from a belief to a posterior over policies."""

from .base import Planner
from .open_loop import OpenLoop

__all__ = ["OpenLoop", "Planner"]
