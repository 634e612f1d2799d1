"""Conjugacy: exponential families, expected log densities, and the one rule of learning."""

from .approximation import (
    ApproximateMessageWarning,
    Approximation,
    Laplace,
    Nonlinear,
    Sampled,
)
from .chains import Chain, DiscreteChain, GaussianChain
from .counts import Bernoulli, Beta, Categorical, Dirichlet, Poisson
from .factor import ExpectedLogDensity, Factor, Variable, message
from .family import Family
from .gaussian import Gaussian, MultivariateGaussian
from .guide import guide_of
from .precision import Gamma, Wishart
from .program import Program
from .rule import Beliefs, free_energy, gathered, step, toward_valid, update
from .site_factor import SiteFactor
from .start import starting, usual_order
from .transformed import Transformed

__all__ = [
    "ApproximateMessageWarning",
    "Approximation",
    "Beliefs",
    "Bernoulli",
    "Beta",
    "Categorical",
    "Chain",
    "Dirichlet",
    "DiscreteChain",
    "ExpectedLogDensity",
    "Factor",
    "Family",
    "Gamma",
    "Gaussian",
    "GaussianChain",
    "Laplace",
    "MultivariateGaussian",
    "Nonlinear",
    "Poisson",
    "Program",
    "Sampled",
    "SiteFactor",
    "Transformed",
    "Variable",
    "Wishart",
    "free_energy",
    "gathered",
    "guide_of",
    "message",
    "starting",
    "step",
    "toward_valid",
    "update",
    "usual_order",
]
