"""What each filter can be in a hierarchy: what may be set from above, and what it shows below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch
from typing import Any

import torch

from .._checks import complain
from ..compile import Layout, Site, Tables
from .bank import Bank
from .bank_context import BankContext
from .base import Filter
from .context import Context, Link, Port
from .exact import ExactFilter
from .exact_context import ExactContext, JointLink
from .factorized import FactorizedFilter
from .factorized_context import FactorizedContext, FactorizedLink
from .gaussian import GaussianFilter
from .gaussian_context import GaussianContext, GaussianLink
from .hidden_markov import HiddenMarkovFilter
from .mixture_links import JointMixtureLink, ParticleMixtureLink
from .particle import ParticleFilter
from .particle_belief import Kind
from .particle_context import ParticleContext, ParticleLink
from .point_context import PointContext, PointLink

Ports = dict[str, Port]


@singledispatch
def settable(filter: Filter) -> Ports:
    """State sites of ``initial`` that a level above may set; none for other filters."""
    return {}


@singledispatch
def shown(filter: Filter) -> Ports:
    """Observation sites by which a level below may be set; none for other filters."""
    return {}


@singledispatch
def context_of(filter: Filter, sites: Sequence[str], below: Sequence[str]) -> Context[Any, Any]:
    """The filter as a level.

    Args:
        filter: of the level.
        sites: state sites that the level above sets; none for the topmost.
        below: observation sites that stand for the level below; none for the lowest.

    Raises:
        ValueError: for a filter that cannot be a level there.
    """
    raise ValueError(complain("filter", "one that can be a level", type(filter).__name__))


@singledispatch
def link_of(filter: Filter, sites: Sequence[str]) -> Link:
    """The link to a level below by observation sites.

    Raises:
        ValueError: for a filter that cannot be above another one, or sites that do not fit.
    """
    raise ValueError(complain("filter", "one that can be above another", type(filter).__name__))


def linked(filter: Filter, sites: Sequence[str], below: Context[Any, Any]) -> Link:
    """The link to the level below, in the form in which that tells its evidence."""
    link = link_of(filter, sites)
    return PointLink(link, below) if isinstance(below, PointContext) else link


@settable.register
def _(filter: ExactFilter) -> Ports:
    return _discrete(filter.tables.states)


@settable.register
def _(filter: FactorizedFilter) -> Ports:
    return _discrete(filter.tables.states)


@settable.register
def _(filter: HiddenMarkovFilter) -> Ports:
    return _discrete(filter.tables.states)


@settable.register
def _(filter: Bank) -> Ports:
    return _discrete(filter.context)


@settable.register
def _(filter: ParticleFilter) -> Ports:
    with torch.random.fork_rng(devices=[]):
        first = filter.initial().states
    events = {name: kind.event(first[name]) for name, kind in filter.state_kinds.items()}
    return _kinds(filter.state_kinds, events)


@settable.register
def _(filter: GaussianFilter) -> Ports:
    return _real(filter.programs.states) if filter.linear else {}


@shown.register
def _(filter: ExactFilter) -> Ports:
    return _outcomes(filter.tables)


@shown.register
def _(filter: FactorizedFilter) -> Ports:
    return _outcomes(filter.tables)


@shown.register
def _(filter: HiddenMarkovFilter) -> Ports:
    return _kinds(filter.kinds, {n: fn.event_shape for n, fn in filter.shown().sites.items()})


@shown.register
def _(filter: ParticleFilter) -> Ports:
    with torch.random.fork_rng(devices=[]):
        sites = filter.shown(filter.initial()).sites
    return _kinds(filter.kinds, {name: fn.event_shape for name, fn in sites.items()})


@shown.register
def _(filter: GaussianFilter) -> Ports:
    return _real(filter.programs.outcomes) if filter.linear else {}


@context_of.register
def _(filter: ExactFilter, sites: Sequence[str], below: Sequence[str]) -> Context[Any, Any]:
    return ExactContext(filter, sites)


@context_of.register
def _(filter: HiddenMarkovFilter, sites: Sequence[str], below: Sequence[str]) -> Context[Any, Any]:
    return ExactContext(filter, sites)


@context_of.register
def _(filter: FactorizedFilter, sites: Sequence[str], below: Sequence[str]) -> Context[Any, Any]:
    return FactorizedContext(filter, sites, below)


@context_of.register
def _(filter: Bank, sites: Sequence[str], below: Sequence[str]) -> Context[Any, Any]:
    return BankContext(filter, sites)


@context_of.register
def _(filter: ParticleFilter, sites: Sequence[str], below: Sequence[str]) -> Context[Any, Any]:
    if any(filter.state_kinds[name].site is None for name in sites):
        return PointContext(filter, sites)
    return ParticleContext(filter, sites)


@context_of.register
def _(filter: GaussianFilter, sites: Sequence[str], below: Sequence[str]) -> Context[Any, Any]:
    return GaussianContext(filter, sites)


@link_of.register
def _(filter: ExactFilter, sites: Sequence[str]) -> Link:
    return JointLink(filter, sites)


@link_of.register
def _(filter: FactorizedFilter, sites: Sequence[str]) -> Link:
    return FactorizedLink(filter, sites)


@link_of.register
def _(filter: HiddenMarkovFilter, sites: Sequence[str]) -> Link:
    finite = all(filter.kinds[name].site for name in sites)
    return JointLink(filter, sites) if finite else JointMixtureLink(filter, sites)


@link_of.register
def _(filter: ParticleFilter, sites: Sequence[str]) -> Link:
    finite = all(filter.kinds[name].site for name in sites)
    return ParticleLink(filter, sites) if finite else ParticleMixtureLink(filter, sites)


@link_of.register
def _(filter: GaussianFilter, sites: Sequence[str]) -> Link:
    return GaussianLink(filter, sites)


def _discrete(sites: Sequence[Site]) -> Ports:
    return {site.name: Port(site.name, site, torch.Size()) for site in sites}


def _outcomes(tables: Tables) -> Ports:
    return _discrete(tables.outcomes)


def _real(layout: Layout) -> Ports:
    return {name: Port(name, None, event) for name, event in layout.events.items()}


def _kinds(kinds: Mapping[str, Kind], events: Mapping[str, torch.Size] | None = None) -> Ports:
    shapes = events or {}
    return {
        name: Port(name, kind.site, torch.Size() if kind.site else shapes[name])
        for name, kind in kinds.items()
    }
