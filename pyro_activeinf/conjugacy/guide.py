"""Beliefs as a Pyro guide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from .discrete_chain import DiscreteChainMoments
from .family import DTYPE
from .of_site import Latent
from .program import Program
from .reading import Site
from .rule import Beliefs
from .series import Series


def guide_of(program: Program, beliefs: Beliefs) -> Callable[..., dict[str, Tensor]]:
    """A Pyro guide that samples every latent site from its belief, within its plates."""
    sites = [latent.site for latent in program.latents.values()]
    sites += [chain.sites[0] for chain in program.chains.values()]
    frames = {frame.name: frame for site in sites for frame in site.frames}

    def guide(*args: Any, **kwargs: Any) -> dict[str, Tensor]:
        plates = {name: _plate(frame) for name, frame in frames.items()}
        found = {
            name: _sampled(latent, _as_in(latent.site, beliefs.natural[name]), plates)
            for name, latent in program.latents.items()
        }
        for name, chain in program.chains.items():
            found |= _walked(chain, _as_in(chain.sites[0], beliefs.means[name]), plates)
        return found

    return guide


def _as_in(site: Site, coordinates: Tensor) -> Tensor:
    """Coordinates in the precision of the program."""
    value = site.value
    return coordinates.detach().to(value.dtype if value.is_floating_point() else DTYPE)


def _walked(chain: Series, mean: Tensor, plates: Mapping[str, Any]) -> dict[str, Tensor]:
    """The sites of a chain, each given the one before."""
    moments = chain.variable.family.moments(mean)
    found: dict[str, Tensor] = {}
    with ExitStack() as within:
        for frame in chain.sites[0].frames:
            within.enter_context(plates[frame.name])
        for t, site in enumerate(chain.sites):
            before = found[chain.sites[t - 1].name] if t else None
            fn = _next_of(moments, t, before, site.fn.event_shape)
            found[site.name] = pyro.sample(site.name, fn)
    return found


def _next_of(moments: Any, t: int, before: Tensor | None, event: torch.Size) -> Any:
    """q(x_t | x_{t-1}), from moments of both."""
    if isinstance(moments, DiscreteChainMoments):
        if before is None:
            return dist.Categorical(moments.probs[..., t, :])
        rows = moments.pairs[..., t - 1, :, :]
        chosen = before[..., None, None].expand(*before.shape, 1, rows.shape[-1])
        return dist.Categorical(rows.expand(*before.shape, -1, -1).gather(-2, chosen).squeeze(-2))
    loc, covariance = _centered(moments, t)
    if before is not None:
        ahead, spread = _centered(moments, t - 1)
        products = moments.mean[..., t - 1, :, None] * moments.mean[..., t, None, :]
        across = moments.cross[..., t - 1, :, :] - products
        gain = torch.linalg.solve(spread, across).mT
        away = before.reshape((*before.shape[: before.dim() - len(event)], -1)) - ahead
        loc = loc + (gain @ away.unsqueeze(-1)).squeeze(-1)
        covariance = covariance - gain @ across
    if event:
        return dist.MultivariateNormal(loc, (covariance + covariance.mT) / 2)
    return dist.Normal(loc[..., 0], covariance[..., 0, 0].sqrt())


def _centered(moments: Any, t: int) -> tuple[Tensor, Tensor]:
    loc = moments.mean[..., t, :]
    return loc, moments.outer[..., t, :, :] - loc.unsqueeze(-1) * loc.unsqueeze(-2)


def _sampled(latent: Latent, natural: Tensor, plates: Mapping[str, Any]) -> Tensor:
    fn: Any = latent.variable.family.distribution(natural)
    if latent.joint:  # one vector for all of a plate, as Pyro's own guides do it
        auxiliary: Any = {"is_auxiliary": True}
        vector = pyro.sample(f"_{latent.name}_vector", fn, infer=auxiliary)
        value = latent.value(vector)
    with ExitStack() as within:
        for frame in latent.site.frames:
            within.enter_context(plates[frame.name])
        if latent.joint:
            return pyro.sample(latent.name, dist.Delta(value, event_dim=latent.site.fn.event_dim))
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
