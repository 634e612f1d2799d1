"""Observations and actions laid out in time, checked against the programs they are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.poutine.messenger import Messenger
from torch import Tensor

from .._checks import complain, known_names, numbers, whole_numbers
from ..compile import Programs


@dataclass(frozen=True)
class ObservationSite:
    """What a sample statement of ``observe`` draws, and from which others of its step."""

    event_shape: torch.Size
    discrete: bool
    parents: frozenset[str]  # the discrete observation sites that its parameters depend on
    dtype: torch.dtype | None = None  # a floating type that its values have to be of

    @property
    def event_dim(self) -> int:
        """Number of dims of one value."""
        return len(self.event_shape)


class _Links(Messenger):
    """Gives each discrete site a dim of its own: shapes tell on which of them later ones depend."""

    def __init__(self) -> None:
        super().__init__()
        self.sites: dict[str, ObservationSite] = {}
        self._dims: list[str] = []

    def _pyro_sample(self, msg: Any) -> None:
        if msg["is_observed"] or is_plate(msg):
            return
        fn, support = msg["fn"], finite_support(msg["fn"])
        sizes = zip(self._dims, reversed(fn.batch_shape), strict=False)
        parents = frozenset(name for name, size in sizes if size > 1)
        discrete = support is not None or isinstance(fn, dist.Delta)
        dtype = None if support is None or not support.is_floating_point() else support.dtype
        self.sites[msg["name"]] = ObservationSite(fn.event_shape, discrete, parents, dtype)
        if support is not None:
            dims = [1] * len(self._dims)
            msg["value"] = support.reshape(len(support), *dims, *fn.event_shape)
            msg["done"] = True
            self._dims.append(msg["name"])


def finite_support(fn: Any) -> Tensor | None:
    """Every value of a distribution ``(size, 1, .., *event)``; ``None`` where they have no end."""
    if not getattr(fn, "has_enumerate_support", False):
        return None
    try:
        return fn.enumerate_support(expand=False)
    except NotImplementedError:  # as of a binomial, whose values differ over the batch
        return None


def observation_sites(model: Programs) -> dict[str, ObservationSite]:
    """The observation sites of a model, from one quiet run of its programs."""
    links = _Links()
    with poutine.block(), torch.random.fork_rng(devices=[]), torch.no_grad():
        state = model.initial()
        with links:
            model.observe(state)
    return links.sites


def is_plate(msg: Any) -> bool:
    """Whether a message is that of a plate rather than of a sample statement."""
    return type(msg["fn"]).__name__ == "_Subsample"


@dataclass(frozen=True)
class Observed:
    """The values of an observation site."""

    values: Tensor  # (*batch, time, *event), without time for a single step
    missing: Tensor  # (*batch, time): where there is no value

    @property
    def event_dim(self) -> int:
        """Number of dims of one value."""
        return self.values.dim() - self.missing.dim()

    def at(self, t: int) -> Observed:
        """One time step."""
        return Observed(self.values.select(-1 - self.event_dim, t), self.missing.select(-1, t))


@dataclass(frozen=True)
class Series:
    """Observations and actions laid out in time."""

    observations: Mapping[str, Observed] | None  # None where they are to be generated
    actions: Tensor | None  # (*batch, time, *event)
    batch: torch.Size
    steps: int
    action_event: int

    def observed(self, t: int) -> dict[str, Observed]:
        """What was observed at a time step."""
        return {name: values.at(t) for name, values in (self.observations or {}).items()}

    def action(self, t: int) -> Tensor | None:
        """The action that leads from step t to step t + 1."""
        return None if self.actions is None else self.actions.select(-1 - self.action_event, t)


def lay_out(
    observations: Mapping[str, Any] | None,
    actions: Any,
    sites: Mapping[str, ObservationSite],
    space: gym.Space[Any] | None,
) -> Series:
    """Check names, shapes and lengths in time, and find the batch shape."""
    given = observations or {}
    known_names("observations", given, list(sites))
    seen = {name: _observed(name, value, sites[name]) for name, value in given.items()}
    lengths = {name: values.missing.shape[-1] for name, values in seen.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(complain("observations", "sites of one length in time", lengths))
    event = tuple(getattr(space, "shape", None) or ())
    moves = None if actions is None else timed("actions", numbers("actions", actions), event)
    moved = 0 if moves is None else moves.shape[-1 - len(event)]
    steps = next(iter(lengths.values())) if lengths else moved + 1
    if space is not None and moved < steps - 1:
        raise ValueError(
            complain(
                "actions",
                f"at least {steps - 1} time steps",
                f"{moved} of them",
                "An action leads from each observation to the next.",
            )
        )
    if moves is not None and space is not None:
        moves = _possible(moves.narrow(-1 - len(event), 0, steps - 1), space)
    shapes = {name: values.missing.shape[:-1] for name, values in seen.items()}
    if moves is not None:
        shapes["actions"] = moves.shape[: moves.dim() - 1 - len(event)]
    return Series(
        None if observations is None else seen,
        None if space is None else moves,
        one_batch(shapes),
        steps,
        len(event),
    )


def _possible(moves: Tensor, space: gym.Space[Any]) -> Tensor:
    """Return actions that lie in a discrete space as integers, else raise ``ValueError``."""
    if not isinstance(space, gym.spaces.Discrete | gym.spaces.MultiDiscrete):
        return moves
    index = whole_numbers("actions", moves)
    sizes = torch.as_tensor(getattr(space, "nvec", getattr(space, "n", 0)), device=index.device)
    if bool(((index < 0) | (index >= sizes)).any()):
        raise ValueError(
            complain(
                "actions",
                f"actions of {space} between the observations",
                index.tolist(),
                "A trajectory of several episodes has -1 where one ends: use episodes().",
            )
        )
    return index


def _observed(name: str, value: Any, site: ObservationSite) -> Observed:
    values = timed(name, numbers(name, value), site.event_shape)
    if values.shape[-1 - site.event_dim] == 0:
        raise ValueError(complain(name, "at least one time step", f"shape {tuple(values.shape)}"))
    absent = torch.isnan(values) | (values == -1) if site.discrete else torch.isnan(values)
    missing = absent.flatten(absent.dim() - site.event_dim).all(-1) if site.event_dim else absent
    return Observed(values if site.dtype is None else values.to(site.dtype), missing)


def timed(name: str, value: Tensor, event: tuple[int, ...]) -> Tensor:
    """Return ``value`` if it is of shape ``(*batch, time, *event)``, else raise ``ValueError``."""
    time = value.dim() - 1 - len(event)
    if time < 0 or value.shape[time + 1 :] != event:
        expected = f"shape (*batch, {', '.join(['time', *map(str, event)])})"
        raise ValueError(complain(name, expected, tuple(value.shape)))
    return value


def one_batch(shapes: Mapping[str, torch.Size]) -> torch.Size:
    """The batch shape that all of these broadcast to, or ``ValueError``."""
    try:
        return torch.broadcast_shapes(*shapes.values(), ())
    except RuntimeError as error:
        found = {name: tuple(shape) for name, shape in shapes.items()}
        raise ValueError(complain("batch dims", "shapes that broadcast", found)) from error
