"""How the parameters of persons hang together."""

from .base import Population, Program
from .flat import Flat

__all__ = ["Flat", "Population", "Program"]
