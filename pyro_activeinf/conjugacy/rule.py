"""The rule of learning, applied to variables whose factors are given: one at a time, within bounds.

The rule itself is :func:`~pyro_activeinf.geometry.natural_step`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from .._checks import complain
from ..geometry import longest, natural_step
from .factor import Factor, Means, Variable, message
from .family import Family
from .gaussian import Gaussian, MultivariateGaussian
from .transformed import Transformed

GAUSSIANS = (Gaussian, MultivariateGaussian, Transformed)
HALVINGS = 39  # of a step, after which a belief stays where it is


step = natural_step  # the rule, by the name it has here


@dataclass(frozen=True)
class Beliefs:
    """q, a product over variables."""

    variables: Mapping[str, Variable]
    natural: Mapping[str, Tensor]  # each (*batch, size)
    means: Mapping[str, Tensor]  # the same in mean coordinates

    @classmethod
    def of(cls, variables: Mapping[str, Variable], natural: Mapping[str, Tensor]) -> Self:
        """From natural coordinates."""
        means = {name: variables[name].family.mean(at) for name, at in natural.items()}
        return cls(variables, dict(natural), means)

    def moved(self, natural: Mapping[str, Tensor]) -> Self:
        """With other natural coordinates of some variables."""
        means = {name: self.variables[name].family.mean(at) for name, at in natural.items()}
        return replace(self, natural={**self.natural, **natural}, means={**self.means, **means})

    @cached_property
    def negative_entropies(self) -> dict[str, Tensor]:
        """E_q[log q] of each variable, relative to its base measure."""
        return {name: self.negative_entropy(name) for name in self.natural}

    def negative_entropy(self, name: str) -> Tensor:
        """E_q[log q] of a variable."""
        variable = self.variables[name]
        each = variable.family.negative_entropy(self.natural[name], self.means[name])
        return variable.scale * each.sum()


def free_energy(factors: Sequence[Factor], beliefs: Beliefs) -> Tensor:
    """F = E_q[log q(z)] - E_q[log p(x, z)], in nats."""
    energy = sum((factor.expected(beliefs.means) for factor in factors), torch.zeros(()))
    return sum(beliefs.negative_entropies.values(), torch.zeros(())) - energy


def gathered(factors: Sequence[Factor], variable: Variable, means: Means) -> Tensor:
    r""":math:`\nabla_\mu E_q[\log p(x, z)]`: the sum of the messages to a variable.

    Of one that stands for several rows, for each of them.
    """
    each = [message(factor, variable.name, means) for factor in factors]
    return torch.stack(each).sum(0) / variable.scale


def update(
    factors: Sequence[Factor], beliefs: Beliefs, name: str, rho: float, safe: bool = False
) -> Beliefs:
    """Apply the rule to one variable, given the factors that it is in.

    Args:
        rho: size of the step; 1 is the optimum where all factors are conjugate.
        safe: halve the step until F does not rise: needed where some factor is not linear in the
            variable's mean coordinates.

    Raises:
        ValueError: where no step leads to a belief.
    """
    toward = gathered(factors, beliefs.variables[name], beliefs.means)
    return toward_valid(factors, beliefs, name, toward, rho, safe)


def toward_valid(
    factors: Sequence[Factor],
    beliefs: Beliefs,
    name: str,
    toward: Tensor,
    rho: float,
    safe: bool,
) -> Beliefs:
    """The step, halved until it is within the domain and, if asked for, F has not risen.

    Exact messages that add up to no distribution are refused at once.
    """
    family, natural = beliefs.variables[name].family, beliefs.natural[name]
    before = local_free_energy(factors, beliefs, name) if safe else torch.zeros(())
    exact = not safe and not any(factor.approximate for factor in factors)

    def attempt(part: float) -> Beliefs | None:
        candidate = natural_step(natural, toward, part)
        if not within(family, candidate, exact):
            return None
        moved = beliefs.moved({name: candidate})
        risen = safe and not bool(local_free_energy(factors, moved, name) <= before)
        return None if risen else moved

    found = longest(attempt, float(rho), 0 if exact else HALVINGS)
    if found is not None:
        return found[0]
    if safe and bool(family.valid(natural).all()):
        return beliefs
    raise improper(name)


def within(family: Family, natural: Tensor, exact: bool) -> bool:
    """Whether it is a belief, and one that is found again from its means if these are sampled from.

    A covariance that is small beside the square of its location loses its digits there.
    """
    if not bool(family.valid(natural).all()):
        return False
    if exact or not isinstance(family, GAUSSIANS):
        return True
    return bool(family.valid(family.natural(family.mean(natural))).all())


def local_free_energy(factors: Sequence[Factor], beliefs: Beliefs, name: str) -> Tensor:
    """The part of F that depends on one variable, whose factors are given."""
    energy = sum((factor.expected(beliefs.means) for factor in factors), torch.zeros(()))
    found = beliefs.negative_entropy(name) - energy
    return torch.where(found.isnan(), math.inf, found)


def improper(name: str) -> ValueError:
    """The error for messages that add up to no distribution."""
    return ValueError(
        complain(
            name,
            "messages that add up to a distribution",
            "natural coordinates outside of the domain",
            "Give the variable a proper prior.",
        )
    )
