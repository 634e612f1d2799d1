"""Diagnostics of training: numbers, and a sentence of advice."""

from .collapse import PosteriorCollapse, posterior_collapse
from .convergence import Convergence, convergence
from .inversion import Invertibility, invertibility
from .metric import MetricCondition, metric_condition

__all__ = [
    "Convergence",
    "Invertibility",
    "MetricCondition",
    "PosteriorCollapse",
    "convergence",
    "invertibility",
    "metric_condition",
    "posterior_collapse",
]
