"""Programs linearized by automatic differentiation: values, slopes and noise at a point."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from .._checks import complain
from .enumerate import ProgramError
from .linear_sites import GaussianSite, GaussianSites, Layout, run_gaussian


@dataclass(frozen=True)
class Linearized:
    r"""A Gaussian program about a point: ``y = value + slope (x - point) + noise e``, e ~ N(0, I).

    The factor of the noise is lower triangular where rows follow the order of the sites.
    """

    value: Tensor  # (*batch, outputs)
    slope: Tensor  # (*batch, outputs, inputs)
    noise: Tensor  # (*batch, outputs, outputs)


def observe_layout(programs: Any) -> tuple[Layout, Layout]:
    """Run the programs once on their locations: layouts of the state and of the observation.

    Raises:
        ProgramError: for a site that is not Gaussian, sites of another name or event shape in
            ``transition``, or a program without sites.
    """
    start = GaussianSites("initial", lambda name, parts: parts.value(None))
    state = run_gaussian(programs.initial, start)
    show = GaussianSites("observe", lambda name, parts: parts.value(None))
    run_gaussian(programs.observe, show, state)
    for handler, kind in ((start, "state"), (show, "observation")):
        if not handler.sites:
            expected = f"at least one {kind} site"
            raise ProgramError(complain(handler.program, expected, "none", "Add a pyro.sample."))
    both = [name for name in show.sites if name in start.sites]
    if both:
        expected = "other site names than in initial"
        raise ProgramError(complain("observe", expected, f"{both} in both", "Rename them."))
    certain = [name for name, parts in show.sites.items() if parts.scale is None]
    if certain:
        where, way_out = f"site '{certain[0]}' of observe", "Give it a small variance."
        raise ProgramError(complain(where, "a Gaussian with some noise", "a Delta", way_out))
    return layout_of(start.sites), layout_of(show.sites)


def layout_of(sites: Mapping[str, GaussianSite]) -> Layout:
    """Sites in the order in which they were sampled."""
    return Layout({name: parts.event for name, parts in sites.items()})


@cache
def quietly_ready() -> None:
    """Let torch load its rules for forward mode: at the first dual it warns of its own code."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.simplefilter("ignore", DeprecationWarning)
        forward_ad.make_dual(torch.zeros(1), torch.zeros(1))


@contextmanager
def directions_vary() -> Iterator[None]:
    """Forward mode, also where it would be off: without it slopes would silently be zero."""
    gradients = torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    quietly_ready()
    with (
        torch.inference_mode(False),
        torch.set_grad_enabled(gradients),
        forward_ad.dual_level(),
    ):
        yield


@dataclass(frozen=True)
class Directions:
    """The inputs of a program, each of which is varied on an own entry of the leftmost dim."""

    sizes: tuple[int, ...]  # of state, action, noise

    def vary(self, which: int, point: Tensor) -> Tensor:
        """A point ``(*batch, size)`` as a dual ``(directions, *batch, size)``."""
        total, size = sum(self.sizes), self.sizes[which]
        rows = point.new_zeros(total, size)
        rows[sum(self.sizes[:which]) :][:size] = torch.eye(size).to(point)
        tangent = rows.reshape(total, *[1] * (point.dim() - 1), size)
        primal = point.expand(total, *point.shape).clone(memory_format=torch.contiguous_format)
        return forward_ad.make_dual(primal, tangent.expand(primal.shape).contiguous())


def linearize(
    programs: Any,
    name: str,
    states: Layout,
    outputs: Layout,
    state: Tensor | None,
    action: Tensor | None = None,
    controls: int = 0,
) -> Linearized:
    """Linearize one of the programs about a state and an action, by one run in forward mode.

    Args:
        programs: the programs.
        name: ``initial``, ``transition`` or ``observe``.
        states, outputs: layouts of the state and of the sites that the program samples.
        state: ``(*batch, states)``; ``None`` for ``initial``.
        action: ``(*batch, *event)``.
        controls: length of an action along which slopes are taken as well (appended to those
            of the state); 0 for none.
    """
    first = torch.zeros(0) if state is None else state
    like = _like(programs) if state is None else first
    directions = Directions((first.shape[-1], controls, outputs.size))
    with directions_vary():
        where = None if state is None else directions.vary(0, first)
        zero = like.new_zeros(*[1] * (max(first.dim(), 1) - 1), outputs.size)
        noise = outputs.split(directions.vary(2, zero))
        given = action
        if controls and action is not None:
            flat = as_vector(action, _event_dims(programs))
            action = directions.vary(1, flat).reshape(sum(directions.sizes), *action.shape)
        handler = GaussianSites(name, lambda site, parts: parts.value(noise.get(site)))
        run_program(programs, name, states, where, action, handler)
        require_same_sites(name, handler, outputs)
        batch = (sum(directions.sizes), *_batch(programs, first, given))
        require_broadcasts(name, handler, batch)
        primal, tangent = _unpacked(handler.values, outputs, batch)
    slopes = tangent.movedim(0, -1)
    inputs = first.shape[-1] + controls
    return Linearized(primal[0], slopes[..., :inputs], slopes[..., inputs:])


def run_program(
    programs: Any,
    name: str,
    states: Layout,
    state: Tensor | None,
    action: Any,
    handler: GaussianSites,
) -> None:
    """Run ``initial``, or another program from a state vector ``(*batch, states)``."""
    if state is None:
        run_gaussian(programs.initial, handler)
        return
    given = states.split(state)
    entry = GaussianSites("initial", lambda site, parts: given[site])
    structure = run_gaussian(programs.initial, entry)
    program: Callable[..., Any] = getattr(programs, name)
    run_gaussian(program, handler, structure, *([action] if name == "transition" else []))


def require_same_sites(name: str, handler: GaussianSites, layout: Layout) -> None:
    """Raise ``ProgramError`` unless a program sampled the sites of a layout."""
    found = layout_of(handler.sites).events
    if dict(found) != dict(layout.events):
        expected = {site: tuple(event) for site, event in layout.events.items()}
        got = {site: tuple(event) for site, event in found.items()}
        raise ProgramError(
            complain(name, f"sites and event shapes {expected}", got, "Sample each site once.")
        )


def _unpacked(
    values: Mapping[str, Tensor], layout: Layout, batch: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Values and slopes of all sites in a row, ``(directions, *batch, outputs)``."""
    primals: list[Tensor] = []
    tangents: list[Tensor] = []
    for site, event in layout.events.items():
        primal, tangent = forward_ad.unpack_dual(values[site])
        tangent = torch.zeros_like(primal) if tangent is None else tangent
        for kept, part in ((primals, primal), (tangents, tangent)):
            kept.append(part.expand(*batch, *event).reshape(*batch, event.numel()))
    return torch.cat(primals, -1), torch.cat(tangents, -1)


def require_broadcasts(name: str, handler: GaussianSites, batch: tuple[int, ...]) -> None:
    """Raise ``ProgramError`` where a site's batch dims are not those of the directions."""
    for site, parts in handler.sites.items():
        loc, tangent = forward_ad.unpack_dual(parts.loc)
        found = loc.shape[: loc.dim() - len(parts.event)]
        varied = tangent is None or (len(found) == len(batch) and found[0] == batch[0])
        pairs = zip(reversed(found), reversed(batch), strict=False)
        if not varied or len(found) > len(batch) or any(n not in (1, size) for n, size in pairs):
            raise not_broadcast(f"site '{site}' of {name}", found, batch)


def not_broadcast(where: str, found: torch.Size, batch: tuple[int, ...]) -> ProgramError:
    """The error for a batch shape that does not come from the state's."""
    return ProgramError(
        complain(
            where,
            f"batch dims that broadcast with those of the state, {batch}",
            f"batch shape {tuple(found)}",
            "Batch dims are on the left: take coordinates from the right, state[..., 0], and "
            "give vectors .to_event(1).",
        )
    )


def as_vector(value: Tensor, event: int) -> Tensor:
    """Values ``(*batch, *event)`` as vectors ``(*batch, size)``."""
    return value.flatten(value.dim() - event) if event else value.unsqueeze(-1)


def _batch(programs: Any, state: Tensor, action: Tensor | None) -> torch.Size:
    """Batch dims of a state and an action together."""
    if action is None:
        return state.shape[:-1]
    chosen = action.shape[: action.dim() - _event_dims(programs)]
    return torch.broadcast_shapes(state.shape[:-1], chosen)


def _event_dims(programs: Any) -> int:
    return len(getattr(programs.actions, "shape", None) or ())


def _like(programs: Any) -> Tensor:
    """A number of the type of the first site."""
    start = GaussianSites("initial", lambda name, parts: parts.value(None))
    run_gaussian(programs.initial, start)
    return next(iter(start.values.values())).detach()


def log_det(triangle: Tensor) -> Tensor:
    """log of the absolute determinant of a lower triangle ``(*batch, n, n)``: ``(*batch)``."""
    return triangle.diagonal(dim1=-2, dim2=-1).abs().log().sum(-1)


LOG_2PI = math.log(2 * math.pi)
