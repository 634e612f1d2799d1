r"""Markov chains as exponential families: a whole chain is one variable.

.. math:: q(x_{0:T}) = \exp\Bigl(\sum_t \lambda_t \cdot T(x_t)
          + \sum_t \Lambda_t \cdot x_t \otimes x_{t+1} - A(\lambda, \Lambda)\Bigr)

A is a product over time, taken in pairs of neighbors, all pairs at once. As for every family, its
gradient holds the expected statistics: here the smoothed moments, which backward differentiation
hence finds as parallel in time as A itself.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor
from torch.distributions import Distribution

from .._checks import positive_int
from .family import Family


def gradient(family: Family, natural: Tensor) -> Tensor:
    """The gradient of the log partition function, differentiable where ``natural`` is."""
    with torch.enable_grad():
        again = natural if natural.requires_grad else natural.detach().requires_grad_()
        total = family.log_partition(again).sum()
        keep = natural.requires_grad and torch.is_grad_enabled()
        return torch.autograd.grad(total, again, create_graph=keep)[0]


class Chain(Family):
    """A family of Markov chains."""

    steps: int
    dim: int

    def __post_init__(self) -> None:
        positive_int("steps", self.steps)
        positive_int("dim", self.dim)

    @property
    @abstractmethod
    def step(self) -> Family:
        """The family of a single step."""

    @abstractmethod
    def forward(self, natural: Tensor) -> Tensor:
        """Each step with all before it, in coordinates ``(*batch, time, size)`` of the step."""

    @abstractmethod
    def backward_in_time(self, natural: Tensor) -> Tensor:
        """Coordinates of the chain that is walked in the opposite direction."""

    @abstractmethod
    def singles(self, natural: Tensor) -> Tensor:
        """The coordinates that are of single steps, ``(*batch, time, size)`` of the step."""

    def filtered(self, motion: Tensor, evidence: Tensor) -> Distribution:
        """The belief about each step given evidence up to it, of batch shape ``(*batch, time)``.

        Args:
            motion: natural coordinates of how steps follow on each other.
            evidence: those of what they show.
        """
        before = self.forward(motion + evidence)
        after = self.forward(self.backward_in_time(motion)).flip(-2)
        return self.step.distribution(before + after - self.singles(motion))
