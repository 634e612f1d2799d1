"""Information geometry: distributions as points, metrics, connections, geodesics, descent.

Batched and differentiable; in closed form where there is one, else by automatic differentiation and
differential equations.
"""

from .circle import VonMises
from .curves import Curve
from .descent import RiemannianSGD, natural_gradient_step
from .estimate import MetricEstimate
from .family import ExponentialFamily, Family
from .gamma import Gamma
from .gaussian import MultivariateNormal, Normal
from .generic import Generic
from .legendre import Legendre, Logits, LogOdds, Through
from .lines import Binomial, Exponential, Poisson
from .manifold import Manifold
from .matrices import Precisions, Wishart
from .natural_gradient import NaturalGradient
from .product import Product
from .registry import family_of
from .retractions import ExponentialMap, FirstOrder, Retraction, Suited
from .rule import longest, natural_step
from .simplex import Beta, Categorical, Dirichlet
from .solvers import ConjugateGradient, Dense, Solver
from .statistical import StatisticalManifold
from .wasserstein import WassersteinGaussians

__all__ = [
    "Beta",
    "Binomial",
    "Categorical",
    "ConjugateGradient",
    "Curve",
    "Dense",
    "Dirichlet",
    "Exponential",
    "ExponentialFamily",
    "ExponentialMap",
    "Family",
    "FirstOrder",
    "Gamma",
    "Generic",
    "Legendre",
    "LogOdds",
    "Logits",
    "Manifold",
    "MetricEstimate",
    "MultivariateNormal",
    "NaturalGradient",
    "Normal",
    "Poisson",
    "Precisions",
    "Product",
    "Retraction",
    "RiemannianSGD",
    "Solver",
    "StatisticalManifold",
    "Suited",
    "Through",
    "VonMises",
    "WassersteinGaussians",
    "Wishart",
    "family_of",
    "longest",
    "natural_gradient_step",
    "natural_step",
]
