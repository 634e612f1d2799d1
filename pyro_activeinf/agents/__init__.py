"""Agents: perception, planning and action put together."""

from .actor import Actor
from .below import AsSeen, Below, Enumerated, Simulated
from .hierarchical import HierarchicalAgent
from .hierarchical_belief import HierarchicalBelief
from .level import Level
from .outward import Highest, Lowest, Outward
from .single import Agent

__all__ = [
    "Actor",
    "Agent",
    "AsSeen",
    "Below",
    "Enumerated",
    "HierarchicalAgent",
    "HierarchicalBelief",
    "Highest",
    "Level",
    "Lowest",
    "Outward",
    "Simulated",
]
