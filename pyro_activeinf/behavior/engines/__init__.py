"""Engines of inference: from a density to draws."""

from .base import Engine, Found
from .each_subject import EachSubject
from .guides import Family, Flow, LowRank, MeanField
from .nuts import NUTS
from .target import Target
from .variational import Variational

__all__ = [
    "NUTS",
    "EachSubject",
    "Engine",
    "Family",
    "Flow",
    "Found",
    "LowRank",
    "MeanField",
    "Target",
    "Variational",
]
