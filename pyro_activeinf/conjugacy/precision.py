"""Families of precisions and rates: gamma and Wishart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from .. import geometry
from .._checks import positive_int
from .family import DTYPE
from .known import Known


class GammaMoments(NamedTuple):
    """Of a positive number."""

    log: Tensor  # (*batch): E[log x]
    mean: Tensor  # (*batch): E[x]

    @classmethod
    def at(cls, value: Tensor) -> GammaMoments:
        """Of a known number."""
        return cls(value.log(), value)


class WishartMoments(NamedTuple):
    """Of a positive definite matrix."""

    log_det: Tensor  # (*batch): E[log |X|]
    mean: Tensor  # (*batch, d, d): E[X]

    @classmethod
    def at(cls, value: Tensor) -> WishartMoments:
        """Of a known matrix."""
        return cls(torch.logdet(value), value)


@dataclass(frozen=True)
class Gamma(Known):
    r"""A positive number. :math:`T(x) = (\log x, x)`, :math:`\lambda = (a, -b)`, h = 1/x."""

    dual = geometry.Through(geometry.Gamma())
    moments_type = GammaMoments
    parts = ((), ())
    event_shape = ()

    def statistics(self, value: Tensor) -> Tensor:
        """Log x and x."""
        return self.join(*GammaMoments.at(value))

    def log_base(self, value: Tensor) -> Tensor:
        """Minus log x."""
        return -value.log()

    def neutral(self) -> Tensor:
        """Shape and rate 1."""
        return torch.tensor([1.0, -1.0], dtype=DTYPE)


@dataclass(frozen=True)
class Wishart(Known):
    r"""A precision matrix. :math:`T(X) = (\log |X|, X)`, h = :math:`|X|^{-(d + 1) / 2}`.

    .. math:: \lambda = (\nu / 2, -S / 2), \qquad E[X] = \nu S^{-1}
    """

    dim: int
    moments_type = WishartMoments

    def __post_init__(self) -> None:
        positive_int("dim", self.dim)

    @cached_property
    def dual(self) -> geometry.Legendre:  # type: ignore[override]
        """With whole matrices."""
        return geometry.Wishart(self.dim)

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """A number and a matrix."""
        return (), (self.dim, self.dim)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """A matrix."""
        return self.dim, self.dim

    def statistics(self, value: Tensor) -> Tensor:
        """Log det X and X."""
        return self.join(*WishartMoments.at(value))

    def log_base(self, value: Tensor) -> Tensor:
        """Minus (d + 1) / 2 log det X."""
        return -(self.dim + 1) / 2 * torch.logdet(value)

    def neutral(self) -> Tensor:
        """About the identity, with d + 1 degrees of freedom."""
        return self.join(
            torch.tensor((self.dim + 1) / 2, dtype=DTYPE),
            -(self.dim + 1) / 2 * torch.eye(self.dim, dtype=DTYPE),
        )
