"""Solving for a natural gradient."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from .._checks import nonnegative, positive_int
from .fisher import Fisher


class Solver(ABC):
    """Solves G v = gradient."""

    @abstractmethod
    def solve(self, fisher: Fisher, gradient: Tensor, damping: float) -> Tensor:
        """The v, ``(parameters,)``; directions without information are left out."""


class Dense(Solver):
    """By the eigenvalues of G, scaled to a diagonal of ones. For up to some thousand parameters."""

    def solve(self, fisher: Fisher, gradient: Tensor, damping: float) -> Tensor:
        """The v."""
        matrix = fisher.matrix()
        diagonal = matrix.diagonal()
        scale = torch.where(diagonal > 0, torch.where(diagonal > 0, diagonal, 1.0).rsqrt(), 0.0)
        values, vectors = torch.linalg.eigh(scale[:, None] * matrix * scale)
        least = len(values) * torch.finfo(values.dtype).eps * values[-1]
        inverse = torch.where(values > least, 1 / (values.clamp(min=least) + damping), 0.0)
        return scale * (vectors @ (inverse * (vectors.mT @ (scale * gradient))))


class ConjugateGradient(Solver):
    """By products of G and vectors alone, for many parameters.

    Args:
        max_steps: most products.
        tolerance: relative length of the residual at which to stop.
    """

    def __init__(self, max_steps: int = 50, tolerance: float = 1e-8) -> None:
        self.max_steps = positive_int("max_steps", max_steps)
        self.tolerance = nonnegative("tolerance", tolerance)

    def solve(self, fisher: Fisher, gradient: Tensor, damping: float) -> Tensor:
        """The v."""
        found = torch.zeros_like(gradient)
        residual, direction = gradient.clone(), gradient.clone()
        square = residual @ residual
        goal = square * self.tolerance**2
        for _ in range(self.max_steps):
            if square <= goal:
                break
            product = fisher.product(direction) + damping * direction
            curvature = direction @ product
            if curvature <= 0:
                break
            found = found + square / curvature * direction
            residual = residual - square / curvature * product
            before, square = square, residual @ residual
            direction = residual + square / before * direction
        return found
