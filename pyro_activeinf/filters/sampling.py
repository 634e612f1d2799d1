"""Programs run by sampling: every site drawn for a whole shape of particles in one call."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pyro.distributions as dist
import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor

from .._checks import complain
from ..compile.enumerate import HANDLERS, exact_log_probs
from ..models.series import Observed, finite_support, is_plate
from ..models.unroll import require_support
from .resampling import evenly

NORMAL = (dist.Normal, torch.distributions.Normal)
LOG_ROOT_TWO_PI = 0.5 * math.log(2 * math.pi)


class Sampler(Messenger):
    """Draws each site for every particle, by ``rsample`` where it can; keeps its distribution.

    Args:
        shape: ``(particles, *batch)``, the shape of draws.
        given: values of sites that are not to be drawn; of an :class:`Observed` one, what is
            missing is drawn.
        parameters: values of random parameters; they are no sites of the program.
        draw: how to draw from a distribution for a shape; :func:`drawn` if left out.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        given: Mapping[str, Tensor | Observed] | None = None,
        parameters: Mapping[str, Tensor] | None = None,
        draw: Callable[[Any, tuple[int, ...]], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.draw = draw or drawn
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
            msg["value"] = self.values[name] = self._value(name, fn)
        msg["done"] = True

    def _value(self, name: str, fn: Any) -> Tensor:
        given = self.given.get(name)
        if given is None:
            return self.draw(fn, self.shape)
        return given if isinstance(given, Tensor) else completed(name, fn, given, self.shape)

    def run(self, program: Callable[..., Any], *args: Any) -> Any:
        """Run a program; what it sampled is found in ``sites`` and ``values``."""
        with HANDLERS, self:
            return program(*args)


def drawn(fn: Any, shape: tuple[int, ...]) -> Tensor:
    """A draw for each entry of a shape, differentiable where the distribution allows it."""
    wide = fn
    if fn.batch_shape != shape:
        wide = fn.expand(torch.broadcast_shapes(fn.batch_shape, shape))
    return wide.rsample() if wide.has_rsample else wide.sample()


def evenly_drawn(fn: Any, shape: tuple[int, ...]) -> Tensor:
    """As :func:`drawn`, but a finite distribution that all particles share in even shares.

    Each value is drawn as often as its probability says, to within one particle, in random order.
    """
    support = None if fn.batch_shape else finite_support(fn)
    if support is None:
        return drawn(fn, shape)
    probs = log_prob(fn, support).exp().detach()
    index = evenly(probs.expand(*shape[1:], -1), shape[0]).movedim(-1, 0)
    return support[index]


def completed(name: str, fn: Any, seen: Observed, shape: tuple[int, ...]) -> Tensor:
    """Observed values, with draws where they are missing.

    Raises:
        ValueError: for a value outside of the support.
    """
    value = seen.values
    if bool(seen.missing.any()):
        missing = seen.missing[(..., *[None] * seen.event_dim)]
        filler = drawn(fn, shape)
        value = torch.where(missing, filler, value.to(filler.dtype))
    require_support(name, fn, value)
    return value


def unwrapped(fn: Any) -> Any:
    """A distribution without its ``to_event``."""
    while isinstance(fn, torch.distributions.Independent):
        fn = fn.base_dist
    return fn


def compact(x: Tensor, event_dim: int = 0) -> Tensor:
    """One entry for each dim, but for the last ``event_dim``, along which it was only expanded."""
    for dim in range(x.dim() - event_dim):
        if x.stride(dim) == 0 and x.shape[dim] > 1:
            x = x.narrow(dim, 0, 1)
    return x


def _summed(values: Tensor, event_dim: int) -> Tensor:
    return values.flatten(values.dim() - event_dim).sum(-1) if event_dim else values


def log_prob(fn: Any, value: Tensor) -> Tensor:
    """log p(value) in nats, exactly -inf where a probability is 0 (torch clamps there).

    Example:
        >>> log_prob(dist.Categorical(torch.tensor([0.0, 1.0])), torch.tensor([0, 1])).tolist()
        [-inf, 0.0]
    """
    base = unwrapped(fn)
    if type(base) in NORMAL:
        scale = compact(base.scale)
        away = -0.5 * ((value - base.loc) / scale).square() - scale.log() - LOG_ROOT_TWO_PI
        return _summed(away, fn.event_dim)
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
    base = unwrapped(fn)
    if type(base) in NORMAL:
        each = 0.5 + LOG_ROOT_TWO_PI + compact(base.scale, fn.event_dim).log()
        return _summed(each, fn.event_dim)
    try:
        return fn.entropy()
    except NotImplementedError:
        return -log_prob(fn, value)
