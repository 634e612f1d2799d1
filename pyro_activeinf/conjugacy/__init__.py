"""Conjugacy: exponential families, expected log densities, and the one rule of learning."""

from .approximation import ApproximateMessageWarning, Approximation, Laplace, Sampled
from .chains import Chain
from .counts import Bernoulli, Beta, Categorical, Dirichlet, Poisson
from .discrete_chain import DiscreteChain
from .factor import ExpectedLogDensity, Factor, Variable, message
from .family import DTYPE, Family
from .gaussian import Gaussian, MultivariateGaussian
from .gaussian_chain import GaussianChain
from .guide import guide_of
from .listed import Listed
from .nonlinear import Nonlinear
from .precision import Gamma, Wishart
from .program import Program
from .rule import Beliefs, free_energy, gathered, step, toward_valid, update
from .site_factor import SiteFactor
from .start import starting, usual_order
from .transformed import Transformed

__all__ = [
    "DTYPE",
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
    "Listed",
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
