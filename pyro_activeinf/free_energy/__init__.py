"""Free energy as an ELBO: variational of any model and guide, expected of the future."""

from ._weights import AccuracyWeight, ComplexityWeight, Weight
from .policies import score_policies
from .variational import VariationalFreeEnergy

__all__ = [
    "AccuracyWeight",
    "ComplexityWeight",
    "VariationalFreeEnergy",
    "Weight",
    "score_policies",
]
