"""Engines of inference: from a density to draws."""

from .base import Engine, Found
from .guides import Family, Flow, LowRank, MeanField
from .nuts import NUTS
from .target import Target
from .variational import Variational

__all__ = [
    "NUTS",
    "Engine",
    "Family",
    "Flow",
    "Found",
    "LowRank",
    "MeanField",
    "Target",
    "Variational",
]
