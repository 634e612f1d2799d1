"""Log-densities and their gradients at several points at once."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import torch
from torch import Tensor

from ...learning.compilation import Backend, Run
from ...learning.tracing import traced
from .metric import Array
from .target import Target


class Evaluator:
    """From points in NumPy to log-densities and gradients.

    Points are ``(chains * cells, dim / cells)``: a cell of a target is a density of its own.

    Args:
        target: the density.
        chains: number of points of each cell.
        backend: a compiler of graphs; ``None`` to run the program as it is written.
    """

    def __init__(self, target: Target, chains: int, backend: Backend | None = None) -> None:
        self.target, self.chains = target, chains
        self._dtype = torch.get_default_dtype()
        self._run: Run = self._eager if backend is None else self._compiled(backend)

    def __call__(self, points: Array) -> tuple[Array, Array]:
        """Log-densities ``(chains * cells,)`` and gradients ``(chains * cells, dim / cells)``."""
        with pyro.validation_enabled(False):
            log_probs, gradients = self._run(self.assembled(points))
        return (
            log_probs.detach().double().flatten().numpy(force=True),
            self.taken_apart(gradients).double().numpy(force=True),
        )

    def assembled(self, points: Array) -> Tensor:
        """Points of the whole target, ``(chains, dim)``."""
        given = torch.as_tensor(points, dtype=self._dtype)
        z = given.new_empty(self.chains, self.target.dim)
        z[:, self.target.cells] = given.reshape(self.chains, *self.target.cells.shape)
        return z

    def taken_apart(self, z: Tensor) -> Tensor:
        """Points of each cell, ``(chains * cells, dim / cells)``."""
        return z[:, self.target.cells].flatten(0, 1)

    def _eager(self, z: Tensor) -> Sequence[Tensor]:
        with torch.enable_grad():
            leaf = z.detach().requires_grad_()
            log_probs = self.target.log_probs(leaf)
            return log_probs, torch.autograd.grad(log_probs.sum(), leaf)[0]

    def _compiled(self, backend: Backend) -> Run:
        example = self.target.prior(self.chains)
        with pyro.validation_enabled(False), torch.random.fork_rng(devices=[]):
            graph = traced(self._eager, [example], [])
        with torch.no_grad():
            run = backend(graph, [example])

        def checked(z: Tensor) -> Sequence[Tensor]:
            valid, log_probs, gradients = run(z)
            return (log_probs, gradients) if valid else self._eager(z)

        return checked
