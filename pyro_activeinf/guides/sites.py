"""What the sites of a model are like: how to write their values as features, and guess at them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from torch import Tensor
from torch.distributions import biject_to, constraints
from torch.nn.functional import one_hot, softplus

from ..compile import Programs, Site
from ..compile.enumerate import HANDLERS
from ..models.series import finite_support, is_plate
from ..models.unroll import random_names
from .finite import discrete

SMALLEST_SCALE = 1e-4


class Quantity(ABC):
    """A site of a model: its values as features, and distributions over them."""

    name: str
    width: int  # number of features
    numbers: int  # number of parameters of a distribution

    @abstractmethod
    def encode(self, value: Tensor) -> Tensor:
        """Values ``(*batch, *event)`` as features ``(*batch, width)``; zeros where missing."""

    @abstractmethod
    def missing(self, value: Tensor) -> Tensor:
        """Where there is no value, ``(*batch)``."""

    @abstractmethod
    def distribution(self, parameters: Tensor) -> Any:
        """A distribution over values, from parameters ``(*batch, numbers)``."""

    @abstractmethod
    def near(self, value: Tensor, scale: float) -> Tensor:
        """Parameters ``(*batch, numbers)`` of a distribution around a value."""


@dataclass(frozen=True)
class Choice(Quantity):
    """A discrete site: a probability for each value."""

    site: Site

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name of the site."""
        return self.site.name

    @property
    def width(self) -> int:  # type: ignore[override]
        """One feature per value."""
        return self.site.size

    @property
    def numbers(self) -> int:  # type: ignore[override]
        """One logit per value."""
        return self.site.size

    def encode(self, value: Tensor) -> Tensor:
        """One-hot; zeros where missing."""
        index = self.site.index(value)
        return one_hot(index + 1, self.site.size + 1)[..., 1:].to(torch.get_default_dtype())

    def missing(self, value: Tensor) -> Tensor:
        """Where a value is -1 or NaN."""
        return self.site.index(value) < 0

    def distribution(self, parameters: Tensor) -> Any:
        """Categorical, Bernoulli, or whatever the site's values are."""
        return discrete(parameters, self.site)

    def near(self, value: Tensor, scale: float) -> Tensor:
        """As likely each: a value that was drawn says little."""
        return torch.zeros(*self.site.index(value).shape, self.site.size)


@dataclass(frozen=True)
class Real(Quantity):
    """A continuous site: a Gaussian, carried to the support of the site."""

    name: str
    event: torch.Size
    support: constraints.Constraint

    @property
    def _onto(self) -> Any:
        return biject_to(self.support)

    @property
    def _free(self) -> torch.Size:
        """Event shape without constraints."""
        return torch.Size(self._onto.inverse_shape(self.event))

    @property
    def unbounded(self) -> bool:
        """Whether the support is all of the real numbers."""
        support = self.support
        while isinstance(support, constraints.independent):
            support = support.base_constraint
        return isinstance(support, type(constraints.real))

    @property
    def width(self) -> int:  # type: ignore[override]
        """One feature per number."""
        return math.prod(self.event)

    @property
    def numbers(self) -> int:  # type: ignore[override]
        """Location and scale of each number."""
        return 2 * math.prod(self._free)

    def encode(self, value: Tensor) -> Tensor:
        """The numbers themselves; zeros where missing."""
        shape = value.shape[: value.dim() - len(self.event)]
        return value.nan_to_num(0.0).reshape(*shape, self.width).to(torch.get_default_dtype())

    def missing(self, value: Tensor) -> Tensor:
        """Where all the numbers of a value are NaN."""
        absent = value.isnan()
        return absent.flatten(absent.dim() - len(self.event)).all(-1) if self.event else absent

    def distribution(self, parameters: Tensor) -> Any:
        """A Gaussian with independent numbers, transformed where the support has bounds."""
        gaussian = self.gaussian(parameters)
        if self.unbounded:
            return gaussian
        return dist.TransformedDistribution(gaussian, [self._onto])

    def gaussian(self, parameters: Tensor) -> Any:
        """The Gaussian before any transform."""
        batch = parameters.shape[:-1]
        loc, raw = parameters.chunk(2, -1)
        scale = softplus(raw) + SMALLEST_SCALE
        shape = (*batch, *self._free)
        return dist.Normal(loc.reshape(shape), scale.reshape(shape)).to_event(len(self._free))

    def near(self, value: Tensor, scale: float) -> Tensor:
        """A Gaussian about the value."""
        free = self._onto.inv(value)
        loc = free.reshape(*free.shape[: free.dim() - len(self._free)], self.numbers // 2)
        raw = math.log(math.expm1(scale - SMALLEST_SCALE))
        return torch.cat([loc, torch.full_like(loc, raw)], -1)


def quantity(name: str, fn: Any) -> Quantity:
    """What a site with this distribution is like."""
    values = finite_support(fn)
    if values is None:
        return Real(name, fn.event_shape, fn.support)
    event = fn.event_shape
    return Choice(Site(name, values.reshape(len(values), *event)))


@dataclass(frozen=True)
class StateSites:
    """The state sites of a model, and which of them are random at the start and later on."""

    first: Mapping[str, Any]  # site to distribution, in program order
    later: Mapping[str, Any]
    state: Any  # one state
    values: Mapping[str, Tensor]  # and the values of its sites
    bare: str | None  # the one site that is all of the state, if any


def state_sites(model: Programs) -> StateSites:
    """Run ``initial`` and ``transition`` once, quietly."""
    start = quiet(model.initial)
    state = start.nodes["_RETURN"]["value"]
    action = None if model.actions is None else torch.as_tensor(model.actions.sample())
    move = quiet(model.transition, state, action)
    random = random_names(model)
    first, later = (
        {name: fn for name, fn in latent(trace).items() if name not in random}
        for trace in (start, move)
    )
    values = {name: start.nodes[name]["value"] for name in first}
    return StateSites(first, later, state, values, _bare(start, move, first))


def _bare(start: Any, move: Any, sites: Mapping[str, Any]) -> str | None:
    name = next(iter(sites), None)
    if name is None or len(sites) > 1 or name not in latent(move):
        return None
    same = all(
        trace.nodes["_RETURN"]["value"] is trace.nodes[name]["value"] for trace in (start, move)
    )
    return name if same else None


def latent(trace: Any) -> dict[str, Any]:
    """Distributions of the sites of a trace that are to be inferred."""
    return {name: fn for name, fn in sampled(trace).items() if not isinstance(fn, dist.Delta)}


def sampled(trace: Any) -> dict[str, Any]:
    """Distributions of the sites of a trace that have no value from outside."""
    return {
        name: node["fn"]
        for name, node in trace.nodes.items()
        if node["type"] == "sample" and not (is_plate(node) or node["is_observed"])
    }


def quiet(program: Callable[..., Any], *args: Any) -> Any:
    """A trace of a program that nobody else sees, and that leaves nothing behind.

    It uses up no random numbers, and puts no parameters into Pyro's store.
    """
    store = pyro.get_param_store()
    known = set(store.keys())
    try:
        with HANDLERS, poutine.block(), torch.random.fork_rng(devices=[]), torch.no_grad():
            return poutine.trace(program).get_trace(*args)
    finally:
        for name in set(store.keys()) - known:
            del store[name]
