"""Normalizing flows: bijections that make a rich density of a simple one."""

from .autoregressive import AffineAutoregressive, NeuralAutoregressive, SplineAutoregressive
from .conditioned import ConditionedFlow
from .coupling import AffineCoupling, SplineCoupling
from .distribution import FlowDistribution
from .elementwise import Spline
from .flow import NormalizingFlow
from .from_zuko import from_zuko
from .kind import Inverse, Kind
from .layer import Layer
from .residual import Householder, Planar, Radial
from .steps import FlowSteps
from .sylvester import Sylvester
from .zuko_kinds import ZukoAffineAutoregressive, ZukoSplineAutoregressive

__all__ = [
    "AffineAutoregressive",
    "AffineCoupling",
    "ConditionedFlow",
    "FlowDistribution",
    "FlowSteps",
    "Householder",
    "Inverse",
    "Kind",
    "Layer",
    "NeuralAutoregressive",
    "NormalizingFlow",
    "Planar",
    "Radial",
    "Spline",
    "SplineAutoregressive",
    "SplineCoupling",
    "Sylvester",
    "ZukoAffineAutoregressive",
    "ZukoSplineAutoregressive",
    "from_zuko",
]
