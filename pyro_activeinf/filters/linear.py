"""Linear maps of beliefs that notice how sparse they are.

Beliefs are columns here: ``(states, n)``, so that a sparse product adds up whole rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

SMALL = 2**14  # numbers below which a dense product is the faster one
SPARSE = 8  # times fewer numbers are worth a sparse product
SHARED = 4.0  # the largest constant: differences between the rest would be lost beside a larger one
ROUNDING = 32  # units in the last place within which two numbers count as the same


class LinearMap(ABC):
    """A map from ``(inputs, n)`` to ``(outputs, n)``, or from ``(inputs,)`` to ``(outputs,)``."""

    @abstractmethod
    def __call__(self, columns: Tensor) -> Tensor:
        """Apply the map to columns that each sum to one."""


@dataclass(frozen=True)
class Dense(LinearMap):
    """A matrix product."""

    matrix: Tensor  # (outputs, inputs)

    def __call__(self, columns: Tensor) -> Tensor:
        """``matrix @ columns``."""
        return self.matrix @ columns


@dataclass(frozen=True)
class Sparse(LinearMap):
    """A weighted sum of a few inputs for each output, plus a constant for columns that sum to one.

    A deterministic table has one input for each output, and no constant.
    """

    inputs: Tensor  # (entries,), those of one output after those of another
    weights: Tensor  # (entries,)
    offsets: Tensor  # (outputs,): where the entries of an output begin
    constant: Tensor | None  # (outputs, 1)

    def __call__(self, columns: Tensor) -> Tensor:
        """Add up rows."""
        if columns.dim() == 1:
            return self(columns.unsqueeze(-1)).squeeze(-1)
        found = torch.embedding_bag(
            columns.contiguous(), self.inputs, self.offsets, per_sample_weights=self.weights
        )[0]
        return found if self.constant is None else found.add_(self.constant)


def linear_map(matrix: Tensor) -> LinearMap:
    r"""The fastest form of a map ``(inputs, outputs)``, to be applied from the right.

    Where nearly all inputs of an output carry the same smallest weight c (0 for a deterministic
    table, the floor of a noisy sensor), only the others are multiplied:

    .. math:: \sum_s q_s a_{so} = c_o + \sum_s q_s (a_{so} - c_o), \qquad \sum_s q_s = 1

    A matrix that is being learned stays dense.

    Example:
        >>> stay = linear_map(torch.eye(128))
        >>> type(stay).__name__, len(stay.weights)
        ('Sparse', 128)
        >>> type(linear_map(torch.rand(128, 128))).__name__
        'Dense'
    """
    columns = matrix.T.contiguous()
    if matrix.numel() < SMALL or matrix.requires_grad:
        return Dense(columns)
    least = columns.amin(-1, keepdim=True)
    least = torch.where(least.abs() <= SHARED, least, 0.0)
    rest = columns - least
    same = rest.abs() <= ROUNDING * torch.finfo(rest.dtype).eps * least.abs()
    rest = torch.where(same, 0.0, rest)
    outputs, inputs = rest.nonzero(as_tuple=True)
    if SPARSE * len(inputs) > matrix.numel():
        return Dense(columns)
    counts = torch.bincount(outputs, minlength=len(columns))
    constant = least if bool((least != 0).any()) else None
    return Sparse(inputs, rest[outputs, inputs], counts.cumsum(0) - counts, constant)
