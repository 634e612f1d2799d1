"""Variational free energy: an ELBO for any Pyro model and guide, with its parts."""

from ._weights import AccuracyWeight, ComplexityWeight, Weight
from .variational import VariationalFreeEnergy

__all__ = ["AccuracyWeight", "ComplexityWeight", "VariationalFreeEnergy", "Weight"]
