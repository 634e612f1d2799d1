"""Agents in worlds, and the records of it: one life, or many."""

from .many import rollout_many
from .single import rollout

__all__ = ["rollout", "rollout_many"]
