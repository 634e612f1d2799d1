"""Programs run by sampling: every site drawn for a whole shape of particles in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyro.distributions as dist
import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor

from .._checks import complain
from ..compile.enumerate import HANDLERS, exact_log_probs
from ..models.series import is_plate


class Sampler(Messenger):
    """Draws each site for every particle, by ``rsample`` where it can; keeps its distribution.

    Args:
        shape: ``(particles, *batch)``, the shape of draws.
        given: values of sites that are not to be drawn.
        parameters: values of random parameters; they are no sites of the program.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        given: Mapping[str, Tensor] | None = None,
        parameters: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.shape, self.given, self.parameters = shape, given or {}, parameters or {}
        self.sites: dict[str, Any] = {}
        self.values: dict[str, Tensor] = {}

    def _pyro_sample(self, msg: Any) -> None:
        msg["stop"] = True  # particles stay out of any trace around
        if msg["is_observed"]:
            return
        if is_plate(msg):
            raise ValueError(
                complain(
                    f"plate '{msg['name']}'",
                    "sites outside of any plate",
                    "a plate",
                    "Write one site per variable; batch dims are added by the library.",
                )
            )
        name, fn = msg["name"], msg["fn"]
        if name in self.parameters:
            msg["value"] = self.parameters[name]
        else:
            self.sites[name] = fn
            given = self.given.get(name)
            msg["value"] = self.values[name] = drawn(fn, self.shape) if given is None else given
        msg["done"] = True

    def run(self, program: Callable[..., Any], *args: Any) -> Any:
        """Run a program; what it sampled is found in ``sites`` and ``values``."""
        with HANDLERS, self:
            return program(*args)


def drawn(fn: Any, shape: tuple[int, ...]) -> Tensor:
    """A draw for each entry of a shape, differentiable where the distribution allows it."""
    wide = fn.expand(torch.broadcast_shapes(fn.batch_shape, shape))
    return wide.rsample() if wide.has_rsample else wide.sample()


def log_prob(fn: Any, value: Tensor) -> Tensor:
    """log p(value) in nats, exactly -inf where a probability is 0 (torch clamps there).

    Example:
        >>> log_prob(dist.Categorical(torch.tensor([0.0, 1.0])), torch.tensor([0, 1])).tolist()
        [-inf, 0.0]
    """
    table = None
    if isinstance(fn, torch.distributions.Categorical | torch.distributions.Bernoulli):
        table = exact_log_probs(fn)
    if table is None:
        return fn.log_prob(value)
    batch = torch.broadcast_shapes(value.shape, table.shape[:-1])
    index = value.long().expand(batch).unsqueeze(-1)
    return table.expand(*batch, -1).gather(-1, index).squeeze(-1)


def entropy(fn: Any, value: Tensor) -> Tensor:
    """H in closed form, in nats; where there is none, what a draw tells: ``-log_prob(value)``."""
    if isinstance(fn, dist.Delta):
        return -fn.log_density * torch.ones(fn.batch_shape)
    try:
        return fn.entropy()
    except NotImplementedError:
        return -log_prob(fn, value)
