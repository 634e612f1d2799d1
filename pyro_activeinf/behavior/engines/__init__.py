"""Engines of inference: from a density to draws."""

from .adaptive_importance import AdaptiveImportance
from .base import Engine, Found
from .guides import Family, Flow, LowRank, MeanField
from .laplace import CurvatureWarning, Laplace
from .map import MAP
from .nuts import NUTS
from .target import Target
from .variational import Variational

__all__ = [
    "MAP",
    "NUTS",
    "AdaptiveImportance",
    "CurvatureWarning",
    "Engine",
    "Family",
    "Flow",
    "Found",
    "Laplace",
    "LowRank",
    "MeanField",
    "Target",
    "Variational",
]
