"""Demonstrations: agents in worlds, with figures, a trajectory and a table of results."""

from . import continuous
from .results import Results
from .run import run

__all__ = ["Results", "continuous", "run"]
