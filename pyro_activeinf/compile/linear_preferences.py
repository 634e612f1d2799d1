"""Preferences of a Gaussian program: Gaussians as one vector, and whatever else there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor
from torch.autograd import forward_ad

from .._checks import complain, known_names
from .enumerate import HANDLERS, ProgramError
from .linear import directions_vary
from .linear_sites import GaussianSite, Layout
from .program import depends_on_step

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class RealPreferences:
    """What ``prefer`` samples at one time step."""

    layout: Layout  # of the Gaussian sites
    mean: Tensor  # (sizes of these): what is preferred
    factor: Tensor  # (.., ..): lower triangular factor of its covariance
    others: Mapping[str, Any]  # site: a distribution of another family

    @property
    def names(self) -> tuple[str, ...]:
        """Every preferred site."""
        return (*self.layout.names, *self.others)


class _Preferred(Messenger):
    """Gives Gaussian sites their value for some noise, and others their mean."""

    def __init__(
        self,
        known: Mapping[str, torch.Size],
        noise: Mapping[str, Tensor],
        instead: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.known, self.noise, self.instead = known, noise, instead
        self.values: dict[str, Tensor] = {}
        self.others: dict[str, Any] = {}

    def _pyro_sample(self, msg: Any) -> None:
        msg["stop"] = msg["done"] = True
        name = msg["name"]
        fn = self.instead.get(name, msg["fn"])
        known_names("prefer", [name], list(self.known))
        shape, event = fn.batch_shape + fn.event_shape, self.known[name]
        varied = bool(self.noise) and len(shape) > len(event)  # depends on noise, on the left dim
        if shape[varied:] != event:
            raise ProgramError(
                complain(
                    f"site '{name}' of prefer",
                    f"the shape of the site, {tuple(self.known[name])}",
                    tuple(fn.batch_shape + fn.event_shape),
                )
            )
        parts = GaussianSite.of(fn)
        if parts is None:
            self.others[name] = fn
            msg["value"] = fn.mean
        elif parts.scale is None:
            expected = "a Gaussian with some width"
            raise ProgramError(complain(f"site '{name}' of prefer", expected, "a Delta"))
        else:
            self.values[name] = msg["value"] = parts.value(self.noise.get(name))


def real_preferences(
    programs: Any,
    states: Layout,
    outcomes: Layout,
    step: int,
    like: Tensor,
    instead: Mapping[str, Any] = NOTHING,
) -> RealPreferences:
    """Run ``prefer`` at a time step; its sites are observation sites or state sites.

    Gaussian sites may depend on each other: they are one Gaussian, linearized at its mean. Some
    may have another distribution ``instead`` of the program's.

    Raises:
        ValueError: for an unknown site, or one of another shape.
    """
    prefer = getattr(programs, "prefer", None)
    known = {**outcomes.events, **states.events}
    args = [step] if depends_on_step(programs) else []
    first = _Preferred(known, {}, instead)
    if prefer is not None:
        with HANDLERS, first:
            prefer(*args)
    layout = Layout({name: known[name] for name in first.values})
    if not layout.size:
        nothing = like.new_zeros(0)
        return RealPreferences(layout, nothing, nothing.reshape(0, 0), first.others)
    with directions_vary():
        eye = torch.eye(layout.size, dtype=like.dtype, device=like.device)
        noise = layout.split(forward_ad.make_dual(torch.zeros_like(eye), eye))
        second = _Preferred(known, noise, instead)
        with HANDLERS, second:
            prefer(*args)  # type: ignore[misc]
        duals = {name: forward_ad.unpack_dual(second.values[name]) for name in layout.names}
    mean = torch.cat([duals[name].primal[0].flatten() for name in layout.names])
    rows = [duals[name].tangent.reshape(layout.size, -1) for name in layout.names]
    return RealPreferences(layout, mean, torch.cat(rows, -1).mT, first.others)
