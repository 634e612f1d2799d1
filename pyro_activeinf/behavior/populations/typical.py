"""The typical person: the program's own prior, seen on the unconstrained scale."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions import Transform, biject_to

from ..._checks import complain
from .base import Program, Watched
from .onto import Onto

Priors = Mapping[str, dist.TorchDistribution] | dist.TorchDistribution


def check_priors(argument: str, given: object) -> None:
    """Raise ``TypeError`` unless this is a prior, a dict of them by site, or ``None``."""
    named = isinstance(given, Mapping)
    for prior in given.values() if isinstance(given, Mapping) else [given]:
        if not isinstance(prior, TorchDistributionMixin) and (named or prior is not None):
            expected = "a distribution of Pyro, or a dict from site to distribution"
            way_out = "Write dist.HalfNormal(1.0), say, from pyro.distributions."
            raise TypeError(complain(argument, expected, repr(given), way_out))


@dataclass(frozen=True)
class Typical:
    """The typical value of a parameter, and where it is on the unconstrained scale."""

    value: Tensor  # (*outer, *event); outer ends with dims of size 1 for the plates, if any
    location: Tensor  # (*outer, *inner), T^-1(value)
    transform: Transform  # T, from the unconstrained to the constrained scale
    event_dim: int
    inner: torch.Size  # shape of the unconstrained value


def typical_values(program: Program) -> dict[str, Typical]:
    """Run the program once for the group: site ``x`` becomes ``x_typical``."""
    with Watched("{}_typical") as watched:
        program()
    return {name: _typical(name, site) for name, site in watched.sites.items()}


def _typical(name: str, node: Mapping[str, Any]) -> Typical:
    transform = _unconstrained(name, node["fn"].support)
    event = torch.Size(node["fn"].event_shape)
    inner = transform.inverse_shape(event)
    value = node["value"]
    return Typical(value, transform.inv(value), transform, len(event), inner)


def _unconstrained(name: str, support: Any) -> Transform:
    if not support.is_discrete:
        return Onto(biject_to(support), support)
    raise ValueError(
        complain(
            "parameters",
            "continuous sites, as persons differ by degrees",
            f"{name!r} with support {support}",
            "Use Flat() for a discrete parameter.",
        )
    )


def spread_of(name: str, typical: Typical, priors: Priors | None) -> Tensor:
    """Sample ``x_spread``, ``(*outer, *inner)``: how much persons differ, unconstrained."""
    given = chosen(name, priors, dist.HalfNormal(typical.location.new_ones(())))
    spread: Tensor = pyro.sample(f"{name}_spread", over(f"spread of {name}", given, typical.inner))
    return spread


def chosen(name: str, priors: Priors | None, default: Any) -> Any:
    """The prior of a site: the one for all, its own, or the default."""
    given = priors.get(name) if isinstance(priors, Mapping) else priors
    return default if given is None else given


def over(argument: str, prior: dist.TorchDistribution, shape: torch.Size) -> Any:
    """A prior of one number for each of ``shape``; or a prior of that shape as it is."""
    own = tuple(prior.batch_shape + prior.event_shape)
    if own == tuple(shape):
        return prior.to_event(len(prior.batch_shape))
    with suppress(RuntimeError):
        if not prior.event_shape:
            return prior.expand(shape).to_event(len(shape))
    got = f"batch {tuple(prior.batch_shape)}, event {tuple(prior.event_shape)}"
    raise ValueError(complain(argument, f"a prior of shape {tuple(shape)}", got))
