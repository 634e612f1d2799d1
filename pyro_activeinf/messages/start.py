"""Beliefs to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

import torch
from torch import Tensor

from ..conjugacy import (
    Categorical,
    Factor,
    Family,
    Gaussian,
    MultivariateGaussian,
    Variable,
    gathered,
)

FARTHEST = 1.0  # of a location from that of its prior


def started(variable: Variable, factors: Sequence[Factor]) -> Tensor:
    """What the factors of a variable alone say, with noise that breaks symmetries."""
    natural = variable.family.neutral().expand(variable.shape)
    priors = [factor for factor in factors if factor.variables == (variable.name,)]
    if priors:
        said = gathered(priors, variable.name, {variable.name: variable.family.mean(natural)})
        if bool(variable.family.valid(said).all()):
            natural = said
    return shaken(variable.family, natural)


@singledispatch
def shaken(family: Family, natural: Tensor) -> Tensor:
    """Natural coordinates near others; the same where nothing is symmetric."""
    return natural


@shaken.register
def _(family: Categorical, natural: Tensor) -> Tensor:
    """Any probabilities."""
    return torch.where(
        natural.isfinite(),
        torch.distributions.Exponential(torch.ones_like(natural)).sample().log(),
        natural,
    )


@shaken.register
def _(family: Gaussian, natural: Tensor) -> Tensor:
    """Another location, as good a guess as the prior's."""
    precision = -2 * natural[..., 1]
    move = torch.randn_like(precision) * precision.rsqrt().clamp(max=FARTHEST)
    return torch.stack([natural[..., 0] + precision * move, natural[..., 1]], -1)


@shaken.register
def _(family: MultivariateGaussian, natural: Tensor) -> Tensor:
    """Another location, as good a guess as the prior's."""
    shift, square = family.split(natural)
    precision = -(square + square.mT)
    scale = precision.diagonal(dim1=-2, dim2=-1).rsqrt().clamp(max=FARTHEST)
    move = torch.randn_like(shift) * scale
    return family.join(shift + (precision @ move.unsqueeze(-1)).squeeze(-1), square)
