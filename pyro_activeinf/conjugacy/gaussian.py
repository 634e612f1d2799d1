"""Gaussian families."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from .. import geometry
from .._checks import positive_int
from .family import DTYPE
from .known import Known

LOG_2PI = math.log(2 * math.pi)
FLAT = 1e-2  # precision of a belief that says little


class GaussianMoments(NamedTuple):
    """Expected powers of a number."""

    mean: Tensor  # (*batch): E[x]
    square: Tensor  # (*batch): E[x^2]

    @classmethod
    def at(cls, value: Tensor) -> GaussianMoments:
        """Of a known number."""
        return cls(value, value.square())


class VectorMoments(NamedTuple):
    """Expected powers of a vector."""

    mean: Tensor  # (*batch, d): E[x]
    outer: Tensor  # (*batch, d, d): E[x x']

    @classmethod
    def at(cls, value: Tensor) -> VectorMoments:
        """Of a known vector."""
        return cls(value, value.unsqueeze(-1) * value.unsqueeze(-2))


@dataclass(frozen=True)
class Gaussian(Known):
    r"""A number. :math:`T(x) = (x, x^2)`, :math:`\lambda = (m / v, -1 / 2v)`, h = 1.

    Example:
        >>> belief = Gaussian().natural(torch.tensor([1.0, 5.0]))
        >>> Gaussian().distribution(belief)
        Normal(loc: 1.0, scale: 2.0)
    """

    dual = geometry.Through(geometry.Normal())
    moments_type = GaussianMoments
    parts = ((), ())
    event_shape = ()

    def statistics(self, value: Tensor) -> Tensor:
        """x and its square."""
        return self.join(*GaussianMoments.at(value))

    def log_base(self, value: Tensor) -> Tensor:
        """Zero."""
        return torch.zeros_like(value)

    def neutral(self) -> Tensor:
        """About zero, and wide."""
        return torch.tensor([0.0, -FLAT / 2], dtype=DTYPE)


@dataclass(frozen=True)
class MultivariateGaussian(Known):
    r"""A vector. :math:`T(x) = (x, x x^\top)`, :math:`\lambda = (V^{-1} m, -V^{-1} / 2)`, h = 1."""

    dim: int
    moments_type = VectorMoments

    def __post_init__(self) -> None:
        positive_int("dim", self.dim)

    @cached_property
    def dual(self) -> geometry.Precisions:  # type: ignore[override]
        """With whole matrices."""
        return geometry.Precisions(self.dim)

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """A vector and a matrix."""
        return (self.dim,), (self.dim, self.dim)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """A vector."""
        return (self.dim,)

    def statistics(self, value: Tensor) -> Tensor:
        """x and x x'."""
        return self.join(*VectorMoments.at(value))

    def log_base(self, value: Tensor) -> Tensor:
        """Zero."""
        return value.new_zeros(value.shape[:-1])

    def neutral(self) -> Tensor:
        """About zero, and wide."""
        one = torch.eye(self.dim, dtype=DTYPE)
        return self.join(torch.zeros(self.dim, dtype=DTYPE), -FLAT / 2 * one)

    def loc_and_covariance(self, natural: Tensor) -> tuple[Tensor, Tensor]:
        """Location ``(*batch, d)`` and covariance ``(*batch, d, d)``."""
        return self.dual.loc_and_covariance(natural)
