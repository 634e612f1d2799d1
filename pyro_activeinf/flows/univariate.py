"""Functions of one coordinate whose numbers come from elsewhere: from parameters or a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from pyro.distributions.transforms import AffineTransform
from pyro.distributions.transforms.spline import ConditionedSpline
from torch import Tensor
from torch.distributions import Transform

from .._checks import complain, positive_int

LARGEST = 3.0


class Univariate(ABC):
    """A monotonic function for each coordinate."""

    @property
    @abstractmethod
    def start(self) -> Tensor:
        """The numbers of one coordinate, ``(numbers,)``, that make it (nearly) the identity."""

    @abstractmethod
    def transform(self, numbers: Tensor) -> Transform:
        """The functions with these numbers, ``(*batch, dim, numbers)``."""


@dataclass(frozen=True)
class Affine(Univariate):
    """A shift and a scale, which stays between exp(-3) and exp(3)."""

    @property
    def start(self) -> Tensor:
        """Shift 0 and log-scale 0."""
        return torch.zeros(2)

    def transform(self, numbers: Tensor) -> Transform:
        """Scale, then shift."""
        shift, raw = numbers.unbind(-1)
        return AffineTransform(shift, _bounded(raw).exp())


@dataclass(frozen=True)
class RationalSpline(Univariate):
    """A rational spline within ``[-bound, bound]``, the identity outside of it."""

    count_bins: int
    bound: float
    order: str

    def __post_init__(self) -> None:
        """Check the arguments."""
        positive_int("count_bins", self.count_bins)
        if not self.bound > 0:
            raise ValueError(complain("bound", "a number above 0", self.bound))
        if self.order not in ("linear", "quadratic"):
            raise ValueError(complain("order", "'linear' or 'quadratic'", repr(self.order)))

    @property
    def _sizes(self) -> list[int]:
        bins = self.count_bins
        return [bins, bins, bins - 1, bins if self.order == "linear" else 0]

    @property
    def start(self) -> Tensor:
        """Bins of equal width and height; slope 1 at the knots."""
        return torch.zeros(sum(self._sizes))

    def transform(self, numbers: Tensor) -> Transform:
        """The spline; numbers are bounded, as bins of very unequal sizes cannot be inverted."""
        widths, heights, slopes, lambdas = _bounded(numbers).split(self._sizes, -1)
        parts = (
            widths.softmax(-1),
            heights.softmax(-1),
            slopes.exp(),
            lambdas.sigmoid() if self.order == "linear" else None,
        )
        return ConditionedSpline(parts, self.bound, self.order)


def _bounded(numbers: Tensor) -> Tensor:
    """Numbers between -3 and 3 that are nearly the same close to 0."""
    return LARGEST * torch.tanh(numbers / LARGEST)
