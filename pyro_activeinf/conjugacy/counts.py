"""Families of chances and counts: Dirichlet, beta, categorical, Bernoulli, Poisson."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .. import geometry, ops
from .._checks import positive_int
from .family import DTYPE
from .known import Known


def finite_log(probs: Tensor) -> Tensor:
    """Logarithm, with a number so low in place of minus infinity that 0 times it is 0."""
    return ops.log(probs).clamp_min(torch.finfo(probs.dtype).min * 2.0**-20)


class DirichletMoments(NamedTuple):
    """Of probabilities."""

    log: Tensor  # (*batch, k): E[log x]

    @classmethod
    def at(cls, value: Tensor) -> DirichletMoments:
        """Of known probabilities; the logarithm of zero is a very negative number."""
        return cls(finite_log(value))


class BetaMoments(NamedTuple):
    """Of a probability."""

    log: Tensor  # (*batch): E[log x]
    log_rest: Tensor  # (*batch): E[log(1 - x)]

    @classmethod
    def at(cls, value: Tensor) -> BetaMoments:
        """Of a known probability."""
        return cls(finite_log(value), finite_log(1 - value))


class CategoricalMoments(NamedTuple):
    """Of a choice."""

    probs: Tensor  # (*batch, k)


class CountMoments(NamedTuple):
    """Of a number of events."""

    mean: Tensor  # (*batch): E[x]

    @classmethod
    def at(cls, value: Tensor) -> CountMoments:
        """Of a known number."""
        return cls(value.to(DTYPE))


@dataclass(frozen=True)
class Dirichlet(Known):
    r"""Probabilities. :math:`T(x) = \log x`, :math:`\lambda` the concentrations, h = 1/prod x."""

    dim: int
    dual = geometry.Through(geometry.Dirichlet())
    moments_type = DirichletMoments

    def __post_init__(self) -> None:
        positive_int("dim", self.dim)

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """A vector."""
        return ((self.dim,),)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """A vector."""
        return (self.dim,)

    def statistics(self, value: Tensor) -> Tensor:
        """Logarithms."""
        return value.log()

    def log_base(self, value: Tensor) -> Tensor:
        """Minus the sum of the logarithms."""
        return -value.log().sum(-1)

    def neutral(self) -> Tensor:
        """One of each."""
        return torch.ones(self.dim, dtype=DTYPE)


@dataclass(frozen=True)
class Beta(Known):
    r"""A probability. :math:`T(x) = (\log x, \log(1 - x))`, :math:`\lambda = (a, b)`."""

    dual = geometry.Through(geometry.Beta())
    moments_type = BetaMoments
    parts = ((), ())
    event_shape = ()

    def statistics(self, value: Tensor) -> Tensor:
        """Log x and log(1 - x)."""
        return torch.stack([value.log(), (-value).log1p()], -1)

    def log_base(self, value: Tensor) -> Tensor:
        """Minus the sum of both."""
        return -value.log() - (-value).log1p()

    def neutral(self) -> Tensor:
        """One of each."""
        return torch.ones(2, dtype=DTYPE)


@dataclass(frozen=True)
class Categorical(Known):
    r"""A choice, 0 to dim - 1. T(x) is 1 at x; :math:`\lambda` are logits, up to a constant."""

    dim: int
    dual = geometry.Logits()
    moments_type = CategoricalMoments
    event_shape = ()

    def __post_init__(self) -> None:
        positive_int("dim", self.dim)

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """A vector."""
        return ((self.dim,),)

    def statistics(self, value: Tensor) -> Tensor:
        """One at the value, zero elsewhere."""
        places = torch.arange(self.dim, device=value.device)
        return (value.unsqueeze(-1) == places).to(DTYPE)

    def log_base(self, value: Tensor) -> Tensor:
        """Zero."""
        return torch.zeros(value.shape, dtype=DTYPE, device=value.device)

    def neutral(self) -> Tensor:
        """All alike."""
        return torch.zeros(self.dim, dtype=DTYPE)


@dataclass(frozen=True)
class Bernoulli(Known):
    r"""Yes or no, 1 or 0. :math:`T(x) = x`, :math:`\lambda = \log p - \log(1 - p)`, h = 1."""

    dual = geometry.LogOdds()
    moments_type = CountMoments
    parts = ((),)
    event_shape = ()

    def statistics(self, value: Tensor) -> Tensor:
        """The value."""
        return value.unsqueeze(-1).to(DTYPE)

    def log_base(self, value: Tensor) -> Tensor:
        """Zero."""
        return torch.zeros(value.shape, dtype=DTYPE, device=value.device)

    def neutral(self) -> Tensor:
        """Even chances."""
        return torch.zeros(1, dtype=DTYPE)


@dataclass(frozen=True)
class Poisson(Known):
    r"""A count. :math:`T(x) = x`, :math:`\lambda` the logarithm of the rate, h = 1/x!."""

    dual = geometry.Through(geometry.Poisson())
    moments_type = CountMoments
    parts = ((),)
    event_shape = ()

    def statistics(self, value: Tensor) -> Tensor:
        """The value."""
        return value.unsqueeze(-1).to(DTYPE)

    def log_base(self, value: Tensor) -> Tensor:
        """Minus log x!."""
        return -(value + 1.0).lgamma()

    def neutral(self) -> Tensor:
        """A rate of one."""
        return torch.zeros(1, dtype=DTYPE)
