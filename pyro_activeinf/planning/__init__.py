"""Planners: from a belief to a posterior over policies."""

from .base import Planner
from .open_loop import OpenLoop
from .sophisticated import Sophisticated

__all__ = ["OpenLoop", "Planner", "Sophisticated"]
