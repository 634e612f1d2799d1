"""The demonstration: agents in two worlds, with figures, a trajectory and a table of results."""

from .results import Results
from .run import run

__all__ = ["Results", "run"]
