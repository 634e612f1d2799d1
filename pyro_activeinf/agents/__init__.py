"""Agents: perception, planning and action put together."""

from .single import Agent

__all__ = ["Agent"]
