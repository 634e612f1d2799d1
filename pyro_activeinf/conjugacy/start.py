"""Beliefs to begin with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch

import torch
from torch import Tensor

from .counts import Categorical
from .discrete_chain import DiscreteChain
from .factor import Factor, Variable
from .family import Family
from .gaussian import Gaussian, MultivariateGaussian
from .listed import Listed
from .rule import Beliefs, gathered, within

FARTHEST = 1.0  # of a location from that of its prior


def started(variable: Variable, factors: Sequence[Factor]) -> Tensor:
    """What the factors of a variable alone say, with noise that breaks symmetries.

    Of those with exact messages, where there are any: others bend, and mislead from afar.
    """
    natural = variable.family.neutral().expand(variable.shape)
    alone = [factor for factor in factors if factor.variables == (variable.name,)]
    priors = [factor for factor in alone if not factor.approximate]
    if alone:
        means = {variable.name: variable.family.mean(natural)}
        said = gathered(priors or alone, variable, means)
        if within(variable.family, said, exact=bool(priors)):
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
def _(family: Listed, natural: Tensor) -> Tensor:
    """Other probabilities, of the same size."""
    return natural + torch.empty_like(natural).exponential_().log()


@shaken.register
def _(family: DiscreteChain, natural: Tensor) -> Tensor:
    """Any potentials of single steps."""
    one, pairs = family.split(natural)
    return family.join(one + torch.empty_like(one).exponential_().log(), pairs)


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


def starting(variables: Mapping[str, Variable], factors: Sequence[Factor]) -> Beliefs:
    """What the priors say about each variable, with noise that breaks symmetries."""
    natural = {
        name: started(variable, [factor for factor in factors if name in factor.variables])
        for name, variable in variables.items()
    }
    return Beliefs.of(variables, natural)


def usual_order(variables: Mapping[str, Variable]) -> tuple[str, ...]:
    """As they are given, discrete variables last: the others learn from their random start."""

    def discrete(name: str) -> bool:
        family = variables[name].family
        unsure = isinstance(family, Listed) and family.guess is None
        return unsure or isinstance(family, Categorical | DiscreteChain)

    return tuple(sorted(variables, key=discrete))
