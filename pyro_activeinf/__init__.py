"""pyro_activeinf: active inference for models that are Pyro programs."""

from . import (
    agents,
    behavior,
    checkpoint,
    compile,
    conjugacy,
    diagnostics,
    envs,
    filters,
    flows,
    free_energy,
    geometry,
    guides,
    jobs,
    learning,
    messages,
    models,
    ops,
    planning,
    plots,
    records,
    store,
)
from .agents import Agent, HierarchicalAgent
from .export import to_arviz
from .free_energy import ExpectedFreeEnergy, VariationalFreeEnergy
from .guides import RecognitionGuide
from .models import GenerativeModel
from .records import Belief, ExpectedFreeEnergyTerms, FreeEnergyTerms, PolicyPosterior, Trajectory
from .rollout import rollout, rollout_many

envs.register()

__all__ = [
    "Agent",
    "Belief",
    "ExpectedFreeEnergy",
    "ExpectedFreeEnergyTerms",
    "FreeEnergyTerms",
    "GenerativeModel",
    "HierarchicalAgent",
    "PolicyPosterior",
    "RecognitionGuide",
    "Trajectory",
    "VariationalFreeEnergy",
    "agents",
    "behavior",
    "checkpoint",
    "compile",
    "conjugacy",
    "diagnostics",
    "envs",
    "filters",
    "flows",
    "free_energy",
    "geometry",
    "guides",
    "jobs",
    "learning",
    "messages",
    "models",
    "ops",
    "planning",
    "plots",
    "records",
    "rollout",
    "rollout_many",
    "store",
    "to_arviz",
]
