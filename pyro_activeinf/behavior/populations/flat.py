"""Persons that tell nothing about each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..choices import Choices
from .base import Population, Program, by_subject


@dataclass(frozen=True)
class Flat(Population):
    r"""Every subject by itself.

    .. math:: p(\theta) = \prod_i p(\theta_i)

    Reference: Daw (2011), "Trial-by-trial data analysis using computational models".

    Example:
        >>> import torch
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior import Choices
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("rate", dist.Beta(2.0, 2.0))
        >>> choices = Choices(torch.zeros(3, 1, dtype=torch.long))
        >>> plate = pyro.plate("subject", 3, dim=-2)
        >>> Flat()(program, choices, plate)["rate"].shape
        torch.Size([3])
    """

    def __call__(self, parameters: Program, choices: Choices, subjects: Any) -> dict[str, Tensor]:
        """Sample the parameters of every subject, site to ``(*outer, subjects, *event)``."""
        return by_subject(parameters, subjects)
