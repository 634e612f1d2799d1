"""Behavior: which agent a person is."""

from .choice_model import ChoiceModel
from .choices import Choices
from .chooser import Chooser
from .populations import Centered, Correlated, Flat, Hierarchical, NonCentered, Population
from .rescorla_wagner import RescorlaWagner

__all__ = [
    "Centered",
    "ChoiceModel",
    "Choices",
    "Chooser",
    "Correlated",
    "Flat",
    "Hierarchical",
    "NonCentered",
    "Population",
    "RescorlaWagner",
]
