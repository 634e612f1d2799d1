"""Observations and actions as vectors: of one step, and of an episode."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from .._checks import by_site, complain, numbers, one_batch
from ..compile import Layout
from ..compile.linear import as_vector
from ..compile.linear_sites import GaussianSite


def seen_vector(layout: Layout, observation: Mapping[str, Any], like: Tensor) -> Tensor:
    """All sites in a row ``(*batch, outcomes)``, NaN where missing.

    Raises:
        ValueError: for an unknown site, a value of another shape or that is infinite, or batch
            dims that do not fit.
    """
    by_site("observation", observation, layout.names)
    rows = {
        name: vector_of(name, value, layout.events[name], like)
        for name, value in observation.items()
    }
    batches = {name: row.shape[:-1] for name, row in rows.items()}
    with one_batch(**batches):
        batch = torch.broadcast_shapes((), *batches.values())
    for name, event in layout.events.items():
        rows.setdefault(name, like.new_full((event.numel(),), math.nan))
    row = torch.cat([rows[name].expand(*batch, -1) for name in layout.names], -1)
    if bool(row.isinf().any()):
        raise ValueError(
            complain("observation", "finite numbers, or NaN where missing", dict(observation))
        )
    return row


def blur(layout: Layout, observation: Mapping[str, Any], like: Tensor) -> Tensor | None:
    """Covariance of uncertain values, ``(*batch, outcomes, outcomes)``; ``None`` without any."""
    found: Tensor | None = None
    for name, value in observation.items():
        if not isinstance(value, Distribution):
            continue
        size, span = layout.events[name].numel(), layout.spans[name]
        root = factor_of(value, len(layout.events[name])).to(like)
        place = torch.zeros(size, layout.size).to(like)
        place[:, span] = torch.eye(size).to(like)
        block = place.mT @ root @ root.mT @ place
        found = block if found is None else found + block
    return found


def factor_of(value: Distribution, event: int) -> Tensor:
    """A factor of the covariance of a Gaussian of so many event dims, ``(*batch, size, size)``.

    Raises:
        ValueError: for a distribution that is none.
    """
    parts = GaussianSite.of(value)
    if parts is None or parts.scale is None:
        expected = "numbers, or a Normal or MultivariateNormal where they are uncertain"
        raise ValueError(complain("observation", expected, repr(value)))
    if parts.triangular:
        return parts.scale
    return torch.diag_embed(as_vector(parts.scale, event))


def vector_of(name: str, value: Any, event: torch.Size, like: Tensor) -> Tensor:
    """Values ``(*batch, *event)`` of a site as vectors ``(*batch, size)``."""
    given = value.mean if isinstance(value, Distribution) else value
    tensor = numbers(name, given).to(like)
    if tensor.shape[max(tensor.dim() - len(event), 0) :] != event:
        expected = f"values of shape {tuple(event)} in the last dims"
        raise ValueError(complain(name, expected, f"shape {tuple(tensor.shape)}"))
    return tensor.reshape(*tensor.shape[: tensor.dim() - len(event)], event.numel())


def over_time(layout: Layout, observations: Mapping[str, Any]) -> list[dict[str, Tensor]]:
    """What was seen at each time step, from values ``(*batch, time, *event)``.

    Raises:
        ValueError: for an unknown site, or sites of different lengths in time.
    """
    by_site("observations", observations, layout.names)
    parts: dict[str, tuple[Tensor, ...]] = {}
    for name, value in observations.items():
        tensor, event = numbers(name, value), layout.events[name]
        time = tensor.dim() - 1 - len(event)
        if time < 0:
            expected = f"values (*batch, time, *{tuple(event)})"
            raise ValueError(complain(name, expected, f"shape {tuple(tensor.shape)}"))
        parts[name] = tensor.unbind(time)
    lengths = {name: len(values) for name, values in parts.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(complain("observations", "sites of one length in time", lengths))
    steps = next(iter(lengths.values()))
    return [{name: values[t] for name, values in parts.items()} for t in range(steps)]


def moves(actions: Tensor | None, event: int, steps: int) -> list[Tensor | None]:
    """The action that led to each step but the first; ``None`` where there are none.

    Args:
        actions: ``(*batch, time, *event)``.
        event: number of event dims.
        steps: number of observations.
    """
    if actions is None:
        return [None] * (steps - 1)
    time = actions.dim() - 1 - event
    if time < 0 or actions.shape[time] < steps - 1:
        raise ValueError(
            complain(
                "actions",
                f"at least {steps - 1} time steps (one less than observations)",
                f"shape {tuple(actions.shape)}",
            )
        )
    return [actions.select(time, t) for t in range(steps - 1)]
