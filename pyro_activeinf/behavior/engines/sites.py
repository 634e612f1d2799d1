"""Latent sites of a Pyro program as coordinates without bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from pyro import poutine
from pyro.poutine.util import site_is_subsample
from torch import Tensor
from torch.distributions import biject_to

from ..._checks import complain


@dataclass(frozen=True)
class Latent:
    """A latent site: its shape, the plates that it is in, and its way to the real line."""

    name: str
    prior: Any  # as it was met
    batch: tuple[int, ...]  # one size for each plate dim, 1 where it is in no plate
    plates: tuple[Any, ...]  # frames of the plates, leftmost dim first
    transform: Any  # from coordinates to values
    inner: tuple[int, ...]  # event shape of the coordinates

    @property
    def event(self) -> tuple[int, ...]:
        """Event shape of a value."""
        return tuple(self.prior.event_shape)

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return math.prod(self.batch + self.inner)

    def value(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Values ``(n, *batch, *event)`` of coordinates ``(n, size)``, and log abs det Jacobians.

        The latter are ``(n, *batch)``.
        """
        u = z.reshape(-1, *self.batch, *self.inner)
        value = self.transform(u)
        return value, self.transform.log_abs_det_jacobian(u, value)

    def coordinates(self, value: Tensor) -> Tensor:
        """Coordinates ``(n, size)`` of values ``(n, .., *event)``, with or without empty dims."""
        u: Tensor = self.transform.inv(value.reshape(-1, *self.batch, *self.event))
        return u.reshape(value.shape[0], self.size)

    def named(self, value: Tensor) -> Tensor:
        """Values ``(n, *batch, *event)`` with the dims of plates and of the event only."""
        shape = [frame.size for frame in self.plates]
        return value.reshape(-1, *shape, *self.event)


def program_trace(model: Callable[..., Any], *args: Any) -> Any:
    """Run a program once; torch's generator is left as it was."""
    with torch.random.fork_rng(devices=[]), poutine.block():
        return poutine.trace(model).get_trace(*args)


def plate_dims(trace: Any) -> int:
    """Number of dims that plates take."""
    frames = (f for site in trace.nodes.values() for f in site.get("cond_indep_stack", ()))
    return max((-frame.dim for frame in frames if frame.dim is not None), default=0)


def independent_plate(trace: Any) -> Any:
    """The frame of a plate that every site is in, or ``None``: its members are independent."""
    stacks = [site["cond_indep_stack"] for _, site in sampled(trace)]
    common = [f for f in stacks[0] if all(f.name in {g.name for g in stack} for stack in stacks)]
    return common[0] if len(common) == 1 else None


def latents_of(trace: Any, dims: int) -> tuple[Latent, ...]:
    """Latent sites in the order of the program.

    Raises:
        ValueError: for a discrete site.
    """
    found = [(name, site) for name, site in sampled(trace) if not site["is_observed"]]
    return tuple(_latent(name, site, dims) for name, site in found)


def sampled(trace: Any) -> list[tuple[str, Any]]:
    """Names and messages of sites that score, in the order of the program."""
    sites = trace.nodes.items()
    return [(k, x) for k, x in sites if x["type"] == "sample" and not site_is_subsample(x)]


def _latent(name: str, site: Any, dims: int) -> Latent:
    prior = site["fn"]
    if prior.support.is_discrete:
        expected = "real-valued latent sites"
        way_out = "Sum over it within the program (see behavior.Mixture for types of persons)."
        raise ValueError(complain("model", expected, f"{name!r}, which is discrete", way_out))
    frames = sorted(site["cond_indep_stack"], key=lambda frame: frame.dim)
    batch = (1,) * (dims - len(prior.batch_shape)) + tuple(prior.batch_shape)
    transform = biject_to(prior.support)
    inner = transform.inverse_shape(torch.Size(prior.event_shape))
    return Latent(name, prior, batch, tuple(frames), transform, tuple(inner))
