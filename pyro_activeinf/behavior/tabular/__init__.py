"""Agents over discrete states, for persons, draws and trials at once."""

from .fixed import FixedTables
from .learned import LearnedTables
from .of_agent import tabular

__all__ = ["FixedTables", "LearnedTables", "tabular"]
