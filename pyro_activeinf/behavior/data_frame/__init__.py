"""Choices and data in long format."""

from .reading import from_dataframe
from .writing import to_dataframe

__all__ = ["from_dataframe", "to_dataframe"]
