r"""Natural and mean coordinates of exponential families, and the function that pairs them.

.. math:: q(x) = h(x) \exp(\lambda \cdot T(x) - A(\lambda)), \qquad
          \mu = E_q[T(x)] = \nabla A(\lambda)

This is the one place where a family is described so: manifolds, whose points have usual
coordinates, and beliefs that messages make, both read it here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.nn.functional import softplus

from .. import ops
from .family import ExponentialFamily

LINEAR = 40.0  # of log odds, from which on log(1 + e^x) is x in double precision


class Legendre(ABC):
    """Coordinates ``(*batch, size)``; matrices are whole, so that some may say the same."""

    @abstractmethod
    def log_partition(self, natural: Tensor) -> Tensor:
        r""":math:`A(\lambda)`: ``(*batch)``."""

    @abstractmethod
    def mean(self, natural: Tensor) -> Tensor:
        r""":math:`\mu = \nabla A(\lambda)`."""

    @abstractmethod
    def natural(self, mean: Tensor) -> Tensor:
        r"""A :math:`\lambda` that has these means; differentiable."""

    @abstractmethod
    def valid(self, natural: Tensor) -> Tensor:
        """Whether natural coordinates are in the domain: ``(*batch)``."""

    @abstractmethod
    def distribution(self, natural: Tensor) -> Any:
        """The distribution, of batch shape ``(*batch)``."""


class Through(Legendre):
    """By the usual coordinates of a family, whose own coordinates these are.

    Args:
        family: one whose natural coordinates are as many as its usual ones.
    """

    def __init__(self, family: ExponentialFamily) -> None:
        self.family = family

    def log_partition(self, natural: Tensor) -> Tensor:
        r""":math:`A(\lambda)`."""
        return self.family.log_partition(natural)

    def mean(self, natural: Tensor) -> Tensor:
        r""":math:`\nabla A(\lambda)`."""
        return self.family.mean(self.family.from_natural(natural))

    def natural(self, mean: Tensor) -> Tensor:
        """The inverse of that."""
        return self.family.natural(self.family.from_mean(mean))

    def valid(self, natural: Tensor) -> Tensor:
        """Whether usual coordinates are in the domain, and natural ones finite."""
        return self.family.valid(self.family.from_natural(natural)) & natural.isfinite().all(-1)

    def distribution(self, natural: Tensor) -> Any:
        """The distribution."""
        return self.family.distribution(self.family.from_natural(natural))


class Logits(Legendre):
    r"""A choice: T(x) is 1 at x and 0 elsewhere, :math:`\lambda` are logits, up to a constant.

    Args:
        make: the distribution from logits ``(*batch, k)``; Categorical by default.
    """

    def __init__(self, make: Callable[[Tensor], Any] | None = None) -> None:
        self.make = make or (lambda logits: dist.Categorical(logits=logits))

    def log_partition(self, natural: Tensor) -> Tensor:
        """Logarithm of the sum of exponentials."""
        return ops.logsumexp(natural, -1)

    def mean(self, natural: Tensor) -> Tensor:
        """Probabilities."""
        return natural.softmax(-1)

    def natural(self, mean: Tensor) -> Tensor:
        """Logarithms."""
        return ops.log(mean)

    def valid(self, natural: Tensor) -> Tensor:
        """Whether there is a finite one, and none is positive infinity or NaN."""
        return natural.logsumexp(-1).isfinite()

    def distribution(self, natural: Tensor) -> Any:
        """Categorical, or what it was made with."""
        return self.make(natural)


class LogOdds(Legendre):
    r"""Successes of n trials: T(x) = x, :math:`\lambda = \log p - \log(1 - p)`.

    Args:
        total_count: n.
        make: the distribution from logits ``(*batch)``.
    """

    def __init__(self, total_count: int = 1, make: Callable[[Tensor], Any] | None = None) -> None:
        self.total_count = total_count
        self.make = make or (lambda logits: dist.Bernoulli(logits=logits))

    def log_partition(self, natural: Tensor) -> Tensor:
        """n log(1 + exp lambda)."""
        return self.total_count * softplus(natural, threshold=LINEAR).squeeze(-1)

    def mean(self, natural: Tensor) -> Tensor:
        """Expected number of successes."""
        return self.total_count * natural.sigmoid()

    def natural(self, mean: Tensor) -> Tensor:
        """Log odds."""
        probs = mean / self.total_count
        return probs.log() - torch.log1p(-probs)

    def valid(self, natural: Tensor) -> Tensor:
        """Whether it is a number."""
        return natural.squeeze(-1).isfinite()

    def distribution(self, natural: Tensor) -> Any:
        """Bernoulli, or what it was made with."""
        return self.make(natural.squeeze(-1))
