"""Message passing on factor graphs: one expected log density per factor, and its gradients."""

from ..conjugacy import (
    ApproximateMessageWarning,
    Bernoulli,
    Beta,
    Categorical,
    Dirichlet,
    DiscreteChain,
    Gamma,
    Gaussian,
    GaussianChain,
    Laplace,
    Listed,
    MultivariateGaussian,
    Nonlinear,
    Poisson,
    Sampled,
    Wishart,
)
from . import library
from .graph import FactorGraph
from .passing import VariationalMessagePassing
from .schedules import Parallel, Schedule, Sequential
from .sum_product import SumProduct

__all__ = [
    "ApproximateMessageWarning",
    "Bernoulli",
    "Beta",
    "Categorical",
    "Dirichlet",
    "DiscreteChain",
    "FactorGraph",
    "Gamma",
    "Gaussian",
    "GaussianChain",
    "Laplace",
    "Listed",
    "MultivariateGaussian",
    "Nonlinear",
    "Parallel",
    "Poisson",
    "Sampled",
    "Schedule",
    "Sequential",
    "SumProduct",
    "VariationalMessagePassing",
    "Wishart",
    "library",
]
