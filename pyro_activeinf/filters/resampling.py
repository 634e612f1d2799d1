"""Resampling: particles of little weight give way to copies of those of much."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from .._checks import complain


class Resampling(ABC):
    """When to resample, and how: an object that picks the ancestors of the next particles."""

    below: float  # the fraction of particles under which the effective sample size may not fall

    def due(self, effective_sample_size: Tensor, particles: int) -> Tensor:
        """Where a batch of beliefs is to be resampled, ``(*batch)``."""
        return effective_sample_size < self.below * particles

    @abstractmethod
    def ancestors(self, weights: Tensor) -> Tensor:
        """The position of the ancestor of each particle, ``(*batch, particles)``.

        Args:
            weights: ``(*batch, particles)``, of any sum.
        """


@dataclass(frozen=True)
class Systematic(Resampling):
    """Evenly spaced positions on the line of cumulated weights, shifted by one random number.

    A particle of weight w has floor(N w) or ceil(N w) copies, and N w on average.

    Args:
        below: resample where the effective sample size is below this fraction of the particles;
            0 never does, 1 always.

    Raises:
        ValueError: for a fraction outside of 0 to 1.

    Reference: Kitagawa (1996), "Monte Carlo filter and smoother for non-Gaussian nonlinear state
    space models"; Douc, Cappe and Moulines (2005), "Comparison of resampling schemes".

    Example:
        >>> Systematic(below=0.5).ancestors(torch.tensor([0.5, 0.0, 0.25, 0.25])).tolist()
        [0, 0, 2, 3]
    """

    below: float = 0.5

    def __post_init__(self) -> None:
        _require_fraction(self.below)

    def ancestors(self, weights: Tensor) -> Tensor:
        """Positions ``(*batch, particles)``, in order."""
        shift = torch.rand(*weights.shape[:-1], 1, dtype=weights.dtype, device=weights.device)
        return _found(weights, shift)


@dataclass(frozen=True)
class Stratified(Resampling):
    """One random position in each of N equal pieces of the line of cumulated weights.

    Args:
        below: as for :class:`Systematic`.

    Raises:
        ValueError: for a fraction outside of 0 to 1.

    Reference: Kitagawa (1996).

    Example:
        >>> Stratified(below=1).ancestors(torch.tensor([1.0, 0.0, 0.0])).tolist()
        [0, 0, 0]
    """

    below: float = 0.5

    def __post_init__(self) -> None:
        _require_fraction(self.below)

    def ancestors(self, weights: Tensor) -> Tensor:
        """Positions ``(*batch, particles)``, in order."""
        return _found(weights, torch.rand_like(weights))


def _found(weights: Tensor, shift: Tensor) -> Tensor:
    """The particles at ``(shift + 0 .. N - 1) / N``."""
    size = weights.shape[-1]
    return at_places(weights, (shift + torch.arange(size, device=weights.device)) / size)


def at_places(weights: Tensor, places: Tensor) -> Tensor:
    """What lies at places from 0 to 1 of the line of cumulated weights; never one of weight zero.

    Args:
        weights: ``(*batch, values)``, of any sum.
        places: ``(*batch, n)``.
    """
    cumulated = weights.detach().cumsum(-1)
    cumulated = cumulated / cumulated[..., -1:]
    below_one = 1 - torch.finfo(weights.dtype).eps
    return torch.searchsorted(cumulated, places.clamp(max=below_one).contiguous(), right=True)


def evenly(weights: Tensor, n: int) -> Tensor:
    """``n`` draws in random order, each value floor(n w) or ceil(n w) times, ``(*batch, n)``.

    Example:
        >>> sorted(evenly(torch.tensor([0.5, 0.25, 0.25]), 4).tolist())
        [0, 0, 1, 2]
    """
    shift = torch.rand(*weights.shape[:-1], 1, dtype=weights.dtype, device=weights.device)
    index = at_places(weights, (shift + torch.arange(n, device=weights.device)) / n)
    return index.gather(-1, torch.rand(index.shape, device=weights.device).argsort(-1))


def _require_fraction(below: float) -> None:
    if isinstance(below, bool) or not isinstance(below, int | float) or not 0 <= below <= 1:
        raise ValueError(complain("below", "a fraction of the particles, from 0 to 1", below))


def as_resampling(given: Resampling | float) -> Resampling:
    """An object as it is; a number as the fraction of :class:`Systematic`."""
    return given if isinstance(given, Resampling) else Systematic(given)


def one_of(weights: Tensor) -> Tensor:
    """Draw one position for each row of weights ``(*batch, particles)``: ``(*batch)``.

    Example:
        >>> one_of(torch.tensor([[0.0, 2.0, 0.0], [0.0, 0.0, 1.0]])).tolist()
        [1, 2]
    """
    return at_places(weights, torch.rand_like(weights[..., :1])).squeeze(-1)
