"""Metrics of Hamiltonian dynamics: how momenta are drawn, and how fast they carry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


class Metric(ABC):
    r"""A kinetic energy :math:`K(p) = \frac12 p^\top \Sigma p` with a covariance :math:`\Sigma`."""

    @abstractmethod
    def velocity(self, momentum: Array) -> Array:
        r"""dz/dt :math:`= \Sigma p`, ``(dim,)``."""

    @abstractmethod
    def momentum(self, rng: np.random.Generator) -> Array:
        r"""A draw of :math:`N(0, \Sigma^{-1})`, ``(dim,)``."""

    @property
    @abstractmethod
    def array(self) -> Array:
        """What :func:`metric_of` makes it from."""

    @abstractmethod
    def estimated(self, points: Array) -> Metric:
        """The metric of the same kind with the covariance of points ``(points, dim)``, shrunk."""


@dataclass(frozen=True)
class Diagonal(Metric):
    """A variance for each coordinate."""

    variance: Array  # (dim,)

    @property
    def array(self) -> Array:
        """The variances."""
        return self.variance

    def velocity(self, momentum: Array) -> Array:
        """dz/dt, ``(dim,)``."""
        return self.variance * momentum

    def momentum(self, rng: np.random.Generator) -> Array:
        """A draw, ``(dim,)``."""
        return rng.standard_normal(len(self.variance)) / np.sqrt(self.variance)

    def estimated(self, points: Array) -> Diagonal:
        """Variances of points, shrunk toward 0.001 as Stan does."""
        return Diagonal(_shrunk(points.var(0, ddof=1), len(points)))


@dataclass(frozen=True)
class Dense(Metric):
    """A covariance matrix."""

    covariance: Array  # (dim, dim)

    def __post_init__(self) -> None:
        """Factor it once."""
        object.__setattr__(self, "_root", np.linalg.cholesky(np.linalg.inv(self.covariance)))

    @property
    def array(self) -> Array:
        """The covariance matrix."""
        return self.covariance

    def velocity(self, momentum: Array) -> Array:
        """dz/dt, ``(dim,)``."""
        return self.covariance @ momentum

    def momentum(self, rng: np.random.Generator) -> Array:
        """A draw, ``(dim,)``."""
        drawn: Array = self._root @ rng.standard_normal(len(self.covariance))  # type: ignore[attr-defined]
        return drawn

    def estimated(self, points: Array) -> Dense:
        """The covariance of points, shrunk toward 0.001 as Stan does."""
        covariance = np.atleast_2d(np.cov(points, rowvar=False))
        diagonal = _shrunk(np.diag(covariance), len(points))
        shrunk = covariance * len(points) / (len(points) + 5.0)
        np.fill_diagonal(shrunk, diagonal)
        return Dense(shrunk)


def _shrunk(variance: Array, count: int) -> Array:
    return (count * variance + 5e-3) / (count + 5.0)


def metric_of(array: Array) -> Metric:
    """The metric with these variances ``(dim,)``, or this covariance matrix ``(dim, dim)``."""
    return Diagonal(array) if array.ndim == 1 else Dense(array)
