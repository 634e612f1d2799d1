"""Guides: programs that recognize the states of a model from what was observed."""

from .amortized import Amortized
from .base import Guide, RecognitionGuide
from .exact import Exact
from .finite import Finite, Settled
from .mean_field import MeanField
from .random_parameters import RandomParameters
from .summaries import Past, Whole

__all__ = [
    "Amortized",
    "Exact",
    "Finite",
    "Guide",
    "MeanField",
    "Past",
    "RandomParameters",
    "RecognitionGuide",
    "Settled",
    "Whole",
]
