"""Factors: one expected log density each, from which all messages follow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .family import Family

Means = Mapping[str, Tensor]  # variable -> mean coordinates (*batch, size)


@dataclass(frozen=True)
class Variable:
    """Something unknown, or a batch of independent ones."""

    name: str
    family: Family
    batch_shape: tuple[int, ...] = ()
    scale: float = 1.0  # how many rows of the data each stands for, where some are left out

    @property
    def shape(self) -> tuple[int, ...]:
        """Of its coordinates: ``(*batch, size)``."""
        return (*self.batch_shape, self.family.size)


class Factor(ABC):
    """A factor of p(x, z), relative to the base measures of its variables."""

    name: str
    variables: tuple[str, ...]
    approximate: bool  # whether its messages are

    @abstractmethod
    def expected(self, means: Means) -> Tensor:
        r""":math:`E_q[\log f]` as a function of mean coordinates: a number, in nats."""

    @abstractmethod
    def linear(self, variable: str, means: Means) -> bool:
        """Whether the expectation is linear in the mean coordinates of a variable."""


@dataclass(frozen=True)
class ExpectedLogDensity(Factor):
    """A factor given by a function of moments.

    Args:
        name: of the factor.
        function: takes the moments of each argument by name, and returns the expected logarithm
            of the factor, ``(*any)``, which is summed up.
        unknown: argument to variable.
        known: argument to moments, or to anything else.
    """

    name: str
    function: Callable[..., Tensor]
    unknown: Mapping[str, Variable]
    known: Mapping[str, Any] = field(default_factory=dict)
    approximate = False

    @property
    def variables(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the variables, each once."""
        return tuple(dict.fromkeys(variable.name for variable in self.unknown.values()))

    def expected(self, means: Means) -> Tensor:
        """The function, of the moments."""
        moments = {a: v.family.moments(means[v.name]) for a, v in self.unknown.items()}
        return self.function(**moments, **self.known).sum()

    def linear(self, variable: str, means: Means) -> bool:
        """Whether the gradient is the same at two other beliefs."""
        return same_gradient(self, variable, means)


def same_gradient(factor: Factor, variable: str, means: Means) -> bool:
    """Whether a gradient stays as it is when the mean coordinates are moved at random."""
    here = message(factor, variable, means)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        mean = means[variable]
        noise = 0.01 * (1 + mean.abs()) * torch.rand(mean.shape, dtype=mean.dtype)
    moved = dict(means) | {variable: mean + noise.to(mean.device)}
    there = message(factor, variable, moved)
    size = here.nan_to_num(0.0, 0.0, 0.0).abs().amax() + 1e-30
    return bool(((there - here).nan_to_num(0.0).abs() <= 1e-7 * size).all())


def message(factor: Factor, variable: str, means: Means) -> Tensor:
    r"""The message of a factor to a variable, in natural coordinates: ``(*batch, size)``.

    .. math:: \lambda_{f \to v} = \nabla_{\mu_v} E_q[\log f]

    Reference: Winn and Bishop (2005), "Variational message passing", JMLR, sec. 3.2.
    """
    with torch.enable_grad():
        point = means[variable].detach().requires_grad_()
        value = factor.expected({**means, variable: point})
        return torch.autograd.grad(value, point)[0]
