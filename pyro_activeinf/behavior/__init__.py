"""Behavior: which agent a person is."""

from .choice_model import ChoiceModel
from .choices import Choices
from .chooser import Chooser
from .populations import Flat, Population
from .rescorla_wagner import RescorlaWagner

__all__ = ["ChoiceModel", "Choices", "Chooser", "Flat", "Population", "RescorlaWagner"]
