"""The posterior of a Pyro program as a density over coordinates without bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor

from .sites import independent_plate, latents_of, plate_dims, program_trace, sampled

OUTER = "_draws"


class Target:
    r"""An unnormalized density over vectors, whose rows are independent points.

    .. math:: \log \pi(z) = \log p(x, \theta(z)) + \log |\det \partial \theta / \partial z|

    Args:
        model: a Pyro program that broadcasts over dims on the left.
        *args: what it is called with.

    Attributes:
        latents: its latent sites.
        dim: number of coordinates.
        cells: which coordinates ``(cells, dim / cells)`` are independent of all others, such as
            those of a subject where subjects tell nothing about each other; a single row of all
            coordinates elsewhere.
    """

    def __init__(self, model: Callable[..., Any], *args: Any) -> None:
        self.model, self.args = model, args
        trace = program_trace(model, *args)
        self.plate_dims = plate_dims(trace)
        self.latents = latents_of(trace, self.plate_dims)
        self.dim = sum(latent.size for latent in self.latents)
        self._apart = independent_plate(trace)
        self.cells = self._cells()

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density ``(*batch,)`` of points ``(*batch, dim)``, in nats."""
        return self.log_probs(z).sum(-1)

    def log_probs(self, z: Tensor) -> Tensor:
        """Log-density of each cell by itself, ``(*batch, cells)``."""
        points = z.reshape(-1, self.dim)
        values, log_det = self.transformed(points)
        trace = self.trace(values)
        trace.compute_log_prob()
        terms = [*log_det.values(), *(site["log_prob"] for _, site in sampled(trace))]
        total = torch.stack([self._by_cell(term) for term in terms]).sum(0)
        return total.reshape(*z.shape[:-1], len(self.cells))

    def _by_cell(self, term: Tensor) -> Tensor:
        """Sums ``(n, cells)`` of a term ``(n, *plate dims)``."""
        first = term.unsqueeze(1) if self._apart is None else term.movedim(self._apart.dim, 1)
        return first.flatten(2).sum(-1) if first.dim() > 2 else first

    def _cells(self) -> Tensor:
        """Which coordinates are of each cell."""
        whole = torch.arange(self.dim)
        if self._apart is None:
            return whole.unsqueeze(0)
        parts = whole.split([latent.size for latent in self.latents])
        dims = [self._apart.dim - len(latent.inner) for latent in self.latents]
        shapes = [latent.batch + latent.inner for latent in self.latents]
        rows = [
            part.reshape(shape).movedim(dim, 0).reshape(self._apart.size, -1)
            for part, shape, dim in zip(parts, shapes, dims, strict=True)
        ]
        return torch.cat(rows, -1)

    def transformed(self, z: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Values ``(n, *plate dims, *event)`` and log-determinants ``(n, *plate dims)`` by site."""
        parts = z.split([latent.size for latent in self.latents], -1)
        found = {lt.name: lt.value(part) for lt, part in zip(self.latents, parts, strict=True)}
        values = {name: value for name, (value, _) in found.items()}
        return values, {name: log_det for name, (_, log_det) in found.items()}

    def coordinates(self, values: Mapping[str, Tensor]) -> Tensor:
        """Points ``(n, dim)`` of values ``(n, .., *event)`` by site, with or without empty dims."""
        return torch.cat([lt.coordinates(values[lt.name]) for lt in self.latents], -1)

    def draws(self, z: Tensor) -> dict[str, Tensor]:
        """Values ``(*batch, *plates, *event)`` by site of points ``(*batch, dim)``."""
        values, _ = self.transformed(z.reshape(-1, self.dim))
        return {
            lt.name: lt.named(values[lt.name]).unflatten(0, z.shape[:-1]) for lt in self.latents
        }

    def trace(self, values: Mapping[str, Tensor]) -> Any:
        """The trace of the program at values ``(n, *plate dims, *event)`` by site."""
        program = self.outer(next(iter(values.values())).shape[0])
        return poutine.trace(poutine.condition(program, dict(values))).get_trace()

    def outer(self, size: int) -> Callable[[], Any]:
        """The program for several points at once."""

        def run() -> Any:
            with pyro.plate(OUTER, size, dim=-1 - self.plate_dims):
                return self.model(*self.args)

        return run

    def plates(self) -> dict[str, Any]:
        """The plates of the latent sites, by name."""
        frames = {frame.name: frame for latent in self.latents for frame in latent.plates}
        return {name: pyro.plate(name, f.size, dim=f.dim) for name, f in frames.items()}

    def prior(self, size: int) -> Tensor:
        """Points ``(size, dim)`` of draws from the prior."""
        with torch.no_grad(), poutine.block():
            nodes: dict[str, Any] = dict(poutine.trace(self.outer(size)).get_trace().nodes)
        return self.coordinates({lt.name: nodes[lt.name]["value"] for lt in self.latents})
