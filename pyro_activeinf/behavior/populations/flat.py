"""Persons that tell nothing about each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..choices import Choices
from .base import Population, Program, by_subject


@dataclass(frozen=True)
class Flat(Population):
    r"""Every subject by itself: :math:`p(\theta) = \prod_i p(\theta_i)`."""

    def __call__(self, parameters: Program, choices: Choices, subjects: Any) -> dict[str, Tensor]:
        """Sample the parameters of every subject, site to ``(*outer, subjects, *event)``."""
        return by_subject(parameters, subjects)
