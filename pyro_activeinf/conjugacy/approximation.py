"""Expectations that are not linear in mean coordinates, by samples or by Laplace's method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, jacrev

from .._checks import complain, positive_int
from ..compile.enumerate import HANDLERS
from .discrete_sums import is_discrete, summed
from .factor import Means, Variable
from .family import Family
from .gaussian import Gaussian, MultivariateGaussian
from .mapping import mapped
from .transformed import Transformed

Values = Mapping[str, Tensor]  # variable -> values (*batch, *event)
LogDensity = Callable[[Values], Tensor]  # to a number
LARGEST = 512  # numbers of a Laplace message


class ApproximateMessageWarning(UserWarning):
    """A factor has no exact messages to some variable; approximate ones are sent."""


class Approximation(ABC):
    """How the expectation of a log density is approximated."""

    descends: bool  # whether it is a function of the beliefs alone, which a step can lower

    @abstractmethod
    def suits(self, family: Family) -> bool:
        """Whether it is there for beliefs of a family."""

    @abstractmethod
    def expected(
        self, log_density: LogDensity, variables: Mapping[str, Variable], means: Means, seed: int
    ) -> Tensor:
        """E_q[log f] as a function of mean coordinates: a number, in nats."""


@dataclass(frozen=True)
class Sampled(Approximation):
    r"""The mean over samples of q, reparameterized: their gradients reach the mean coordinates.

    .. math:: E_q[f] \approx \frac1n \sum_i f(x_i), \qquad x_i = g(\epsilon_i, \lambda(\mu))

    A factor keeps its noise, so that F is a function which steps can lower. Discrete variables
    are summed over, see :func:`~.discrete_sums.summed`.

    Args:
        count: of samples; those of Gaussians are in pairs on both sides of the mean.

    Raises:
        ValueError: for a count below 1.
    """

    count: int = 32
    descends = True

    def __post_init__(self) -> None:
        positive_int("count", self.count)

    def suits(self, family: Family) -> bool:
        """All."""
        return True

    def expected(
        self, log_density: LogDensity, variables: Mapping[str, Variable], means: Means, seed: int
    ) -> Tensor:
        """The mean of the log density over samples."""
        discrete = {n: v for n, v in variables.items() if is_discrete(v.family)}
        with HANDLERS, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            rest = {n: v for n, v in variables.items() if n not in discrete}
            drawn = {n: _drawn(v, means[n], self.count) for n, v in rest.items()}

            def average(values: Values) -> Tensor:
                if not drawn:
                    return log_density(values)
                one = partial(_with, log_density, values)
                return mapped(one, drawn, "different").mean()

            return summed(average, discrete, means, self.count) if discrete else average({})


def _with(log_density: LogDensity, values: Values, others: Values) -> Tensor:
    return log_density({**values, **others})


def _drawn(variable: Variable, mean: Tensor, count: int) -> Tensor:
    """Samples ``(count, *batch, *event)``, differentiable in mean coordinates."""
    family = variable.family
    natural = family.natural(mean)
    base = family.base if isinstance(family, Transformed) else family
    if not isinstance(base, Gaussian | MultivariateGaussian):
        return _rsampled(variable, family.distribution(natural), count)
    half = torch.randn(-(-count // 2), *variable.batch_shape, *base.event_shape).to(mean)
    noise = torch.cat([half, -half])[:count]
    if len(half) > 1:
        noise = noise / noise.square().mean(0).sqrt()
    free = _placed(base.distribution(natural), noise)
    return family.into(free) if isinstance(family, Transformed) else free


def _rsampled(variable: Variable, distribution: Any, count: int) -> Tensor:
    if not distribution.has_rsample:
        kind = type(variable.family).__name__
        way_out = "Write it as an expected log density, a sum over values weighed by probabilities."
        expected = "variables whose samples have derivatives"
        raise ValueError(complain(variable.name, expected, kind, way_out))
    if isinstance(distribution, torch.distributions.Wishart):  # whose checks stop gradients
        return distribution._bartlett_sampling(torch.Size([count]))
    return distribution.rsample((count,))


def _placed(gaussian: Any, noise: Tensor) -> Tensor:
    """Noise, carried to a Gaussian."""
    if not gaussian.event_shape:
        return gaussian.loc + gaussian.scale * noise
    return gaussian.loc + (gaussian.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)


@dataclass(frozen=True)
class Laplace(Approximation):
    r"""A parabola about the mean m; at the fixed point, Laplace's approximation at the mode.

    .. math:: E_q[f] \approx f(m) + \nabla f(m) \cdot (E[x] - m)
              + \tfrac12 \nabla^2 f(m) : E[(x - m)(x - m)^\top]

    The parabola moves with the beliefs: F may rise. Of Gaussian beliefs; where a factor has
    others as well, its messages are sampled.

    Reference: Wang and Blei (2013), "Variational inference in nonconjugate models", JMLR, sec. 4.
    """

    descends = False

    def suits(self, family: Family) -> bool:
        """Gaussians, and transforms of these."""
        return isinstance(family, Gaussian | MultivariateGaussian | Transformed)

    def expected(
        self, log_density: LogDensity, variables: Mapping[str, Variable], means: Means, seed: int
    ) -> Tensor:
        """The expectation of the parabola."""
        pieces = {name: _Piece.of(v, means[name]) for name, v in variables.items()}
        at = {name: piece.loc.detach() for name, piece in pieces.items()}
        if sum(loc.numel() for loc in at.values()) > LARGEST:
            way_out = "Take Sampled()."
            raise ValueError(
                complain("approximation", f"Laplace for up to {LARGEST} numbers", "more", way_out)
            )

        def density(free: Values) -> Tensor:
            return log_density({name: pieces[name].into(x) for name, x in free.items()})

        with torch.enable_grad():
            value, slope, bend = density(at), grad(density)(at), jacrev(grad(density))(at)
        total = value.detach()
        for name, piece in pieces.items():
            total = total + piece.parabola(slope[name].detach(), bend[name][name].detach())
        return total


@dataclass(frozen=True)
class _Piece:
    """A Gaussian variable as vectors."""

    variable: Variable
    loc: Tensor  # (batch, d)
    outer: Tensor  # (batch, d, d)

    @classmethod
    def of(cls, variable: Variable, mean: Tensor) -> _Piece:
        family = variable.family
        base = family.base if isinstance(family, Transformed) else family
        if not isinstance(base, Gaussian | MultivariateGaussian):
            got = f"{variable.name}, whose belief is {type(family).__name__}"
            way_out = "Take Sampled()."
            raise ValueError(complain("approximation", "Laplace for Gaussians", got, way_out))
        loc, outer = base.split(mean)
        dim = max(1, *base.event_shape) if base.event_shape else 1
        return cls(variable, loc.reshape(-1, dim), outer.reshape(-1, dim, dim))

    def into(self, free: Tensor) -> Tensor:
        """Values ``(*batch, *event)``."""
        family = self.variable.family
        base = family.base if isinstance(family, Transformed) else family
        shaped = free.reshape(
            (
                *self.variable.batch_shape,
                *base.event_shape,
            )
        )
        return family.into(shaped) if isinstance(family, Transformed) else shaped

    def parabola(self, slope: Tensor, bend: Tensor) -> Tensor:
        """The terms of first and second order."""
        at = self.loc.detach()
        rows = torch.arange(len(at))
        blocks = bend[rows, :, rows, :]  # (batch, d, d)
        spread = (
            self.outer
            - self.loc.unsqueeze(-1) * at.unsqueeze(-2)
            - at.unsqueeze(-1) * self.loc.unsqueeze(-2)
            + at.unsqueeze(-1) * at.unsqueeze(-2)
        )
        return (slope * (self.loc - at)).sum() + (blocks * spread).sum() / 2
