"""Agents: perception, planning and action put together."""

from .hierarchical import HierarchicalAgent, HierarchicalBelief
from .level import Level
from .single import Agent

__all__ = ["Agent", "HierarchicalAgent", "HierarchicalBelief", "Level"]
