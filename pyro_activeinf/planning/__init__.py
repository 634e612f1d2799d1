"""Planners: from a belief to a posterior over policies."""

from .base import Planner
from .inductive import Inductive
from .open_loop import OpenLoop
from .sophisticated import Sophisticated
from .tree_search import TreeSearch

__all__ = ["Inductive", "OpenLoop", "Planner", "Sophisticated", "TreeSearch"]
