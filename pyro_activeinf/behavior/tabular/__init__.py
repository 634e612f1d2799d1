"""Agents over discrete states, for persons, draws and trials at once."""

from .fixed import FixedTables
from .of_agent import tabular

__all__ = ["FixedTables", "tabular"]
