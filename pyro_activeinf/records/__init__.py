"""Frozen records that pass between the rooms of the library, with the shape on every field."""

from .belief import Belief, Reshaped, SoftObservation, Taken
from .expected import ALL_TERMS, TERMS, DeferredTerms, ExpectedFreeEnergyTerms, PrefixTerms
from .free_energy import FreeEnergyTerms
from .names import level_of, stem_of, step_of
from .policy import PlanReport, PolicyPosterior
from .trajectory import LevelMessages, Trajectory

__all__ = [
    "ALL_TERMS",
    "TERMS",
    "Belief",
    "DeferredTerms",
    "ExpectedFreeEnergyTerms",
    "FreeEnergyTerms",
    "LevelMessages",
    "PlanReport",
    "PolicyPosterior",
    "PrefixTerms",
    "Reshaped",
    "SoftObservation",
    "Taken",
    "Trajectory",
    "level_of",
    "stem_of",
    "step_of",
]
