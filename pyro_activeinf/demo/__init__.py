"""The demonstration: agents in two worlds, with figures, a trajectory and a table of results."""

from .run import run

__all__ = ["run"]
