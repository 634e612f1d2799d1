"""How the parameters of persons hang together."""

from .base import Population, Program
from .deviations import Centered, Correlated, Deviations, NonCentered
from .flat import Flat
from .hierarchical import Hierarchical

__all__ = [
    "Centered",
    "Correlated",
    "Deviations",
    "Flat",
    "Hierarchical",
    "NonCentered",
    "Population",
    "Program",
]
