"""Gaussian sites as functions of standard normal noise, and how they lie in a vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

import torch
from pyro.distributions.torch_distribution import ExpandedDistribution
from pyro.poutine.messenger import Messenger
from torch import Tensor, distributions

from .._checks import complain
from .enumerate import ProgramError, run_under


@dataclass(frozen=True)
class Layout:
    """Sites that lie one after another in a vector.

    Example:
        >>> layout = Layout({"place": torch.Size([2]), "speed": torch.Size([])})
        >>> {name: x.tolist() for name, x in layout.split(torch.arange(3)).items()}
        {'place': [0, 1], 'speed': 2}
    """

    events: Mapping[str, torch.Size]  # site: event shape

    @property
    def names(self) -> tuple[str, ...]:
        """The sites in order."""
        return tuple(self.events)

    @cached_property
    def spans(self) -> dict[str, slice]:
        """Where each site lies."""
        ends = accumulate((event.numel() for event in self.events.values()), initial=0)
        return {name: slice(*ends) for name, ends in zip(self.events, pairwise(ends), strict=True)}

    @cached_property
    def size(self) -> int:
        """Length of the vector."""
        return sum(event.numel() for event in self.events.values())

    def split(self, vector: Tensor) -> dict[str, Tensor]:
        """The value of each site ``(*batch, *event)`` in a vector ``(*batch, size)``."""
        return {
            name: vector[..., span].reshape((*vector.shape[:-1], *self.events[name]))
            for name, span in self.spans.items()
        }


@dataclass(frozen=True)
class GaussianSite:
    """A Gaussian as location and scale: its value is ``loc + scale @ noise``."""

    loc: Tensor  # (*batch, *event)
    scale: Tensor | None  # (*batch, *event), or a lower triangle; None without noise
    triangular: bool
    event: torch.Size

    @classmethod
    def of(cls, fn: Any) -> GaussianSite | None:
        """The parts of a distribution; ``None`` for one that is not Gaussian."""
        event = fn.event_shape
        while isinstance(fn, distributions.Independent | ExpandedDistribution):
            fn = fn.base_dist
        if isinstance(fn, distributions.Normal):
            return cls(fn.loc, fn.scale, False, event)
        if isinstance(
            fn, distributions.MultivariateNormal | distributions.LowRankMultivariateNormal
        ):
            return cls(fn.loc, fn.scale_tril, True, event)
        if type(fn).__name__ == "Delta":
            return cls(fn.v, None, False, event)
        return None

    def value(self, noise: Tensor | None) -> Tensor:
        """The value for noise ``(*batch, *event)``; the location without."""
        if noise is None or self.scale is None:
            return self.loc
        if self.triangular:
            return self.loc + (self.scale @ noise.unsqueeze(-1)).squeeze(-1)
        return self.loc + self.scale * noise


Value = Callable[[str, GaussianSite], Tensor]


class GaussianSites(Messenger):
    """Gives each sample site a value of our own, made from its distribution's parts.

    Args:
        program: the program's name, for errors.
        value: from the site's name and its parts to its value.
    """

    def __init__(self, program: str, value: Value) -> None:
        super().__init__()
        self.program, self.value = program, value
        self.sites: dict[str, GaussianSite] = {}
        self.values: dict[str, Tensor] = {}

    def _pyro_sample(self, msg: Any) -> None:
        msg["stop"] = True
        name, where = msg["name"], f"site '{msg['name']}' of {self.program}"
        if msg["infer"].get("_deterministic"):
            return
        if type(msg["fn"]).__name__ == "_Subsample" or msg["is_observed"]:
            got = "an observed one" if msg["is_observed"] else "a plate"
            raise ProgramError(complain(where, "a sample site outside of plates, not obs=", got))
        if name in self.sites:
            raise ProgramError(complain(where, "a name used once", "a second sample statement"))
        parts = GaussianSite.of(msg["fn"])
        if parts is None:
            raise not_gaussian(where, msg["fn"])
        self.sites[name] = parts
        self.values[name] = msg["value"] = self.value(name, parts)
        msg["done"] = True


def not_gaussian(where: str, fn: Any) -> ProgramError:
    """The error for a site of another family."""
    return ProgramError(
        complain(
            where,
            "a Normal or MultivariateNormal distribution",
            f"{type(fn).__name__} with event shape {tuple(fn.event_shape)}",
            "filters.ParticleFilter carries beliefs over any site, filters.ExactFilter over "
            "discrete ones; filters.auto(model) picks.",
        )
    )


BATCHED = (
    "with batch dims on the left",
    "Write it with indexing from the right (state[..., 0]), torch.where for `if`, and one dtype.",
)


def run_gaussian(program: Callable[..., Any], handler: GaussianSites, *args: Any) -> Any:
    """Run a program under the handler; a torch error in it is told with the program's name."""
    return run_under(handler, handler.program, BATCHED, program, *args)
