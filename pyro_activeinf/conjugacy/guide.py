"""Beliefs as a Pyro guide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import pyro
import pyro.distributions as dist
from torch import Tensor

from .of_site import Latent
from .program import Program
from .rule import Beliefs


def guide_of(program: Program, beliefs: Beliefs) -> Callable[..., dict[str, Tensor]]:
    """A Pyro guide that samples every latent site from its belief, within its plates."""
    frames = {f.name: f for latent in program.latents.values() for f in latent.site.frames}

    def guide(*args: Any, **kwargs: Any) -> dict[str, Tensor]:
        plates = {name: _plate(frame) for name, frame in frames.items()}
        return {
            name: _sampled(latent, beliefs.natural[name].detach(), plates)
            for name, latent in program.latents.items()
        }

    return guide


def _sampled(latent: Latent, natural: Tensor, plates: Mapping[str, Any]) -> Tensor:
    fn: Any = latent.variable.family.distribution(natural)
    if latent.joint:
        return _sample_as(latent.name, fn, latent.site.value.shape)
    with ExitStack() as within:
        for frame in latent.site.frames:
            within.enter_context(plates[frame.name])
        extra = len(latent.variable.batch_shape) - latent.site.batch_dims
        event = latent.site.fn.event_shape
        if not extra and fn.event_shape != event:  # one vector for an event of several dims
            return _sample_as(latent.name, fn, event)
        return pyro.sample(latent.name, fn.to_event(extra))


def _sample_as(name: str, fn: Any, shape: Any) -> Tensor:
    """A vector, laid out as the site has it."""
    if tuple(fn.event_shape) == tuple(shape):
        return pyro.sample(name, fn)
    layout = dist.transforms.ReshapeTransform(fn.event_shape, shape)
    return pyro.sample(name, dist.TransformedDistribution(fn, [layout]))


def _plate(frame: Any) -> Any:
    """A plate of the name, dim and size of another."""
    full = frame.size if frame.full_size is None else frame.full_size
    return pyro.plate(frame.name, full, subsample_size=frame.size, dim=frame.dim)
