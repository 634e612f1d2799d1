"""Diagnostics of training: numbers, and a sentence of advice."""

from .collapse import PosteriorCollapse, posterior_collapse
from .convergence import Convergence, convergence
from .inversion import Invertibility, invertibility

__all__ = [
    "Convergence",
    "Invertibility",
    "PosteriorCollapse",
    "convergence",
    "invertibility",
    "posterior_collapse",
]
