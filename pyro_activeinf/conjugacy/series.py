"""Sites over time, ``z_0, z_1, ..``, as one chain, whose steps are looked at all at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ..records import stem_of, step_of
from .counts import Categorical
from .discrete_chain import DiscreteChain
from .factor import Variable
from .family import Family
from .gaussian import Gaussian, MultivariateGaussian
from .gaussian_chain import GaussianChain
from .of_site import Latent, latent_of
from .reading import Site


@dataclass(frozen=True)
class Series:
    """Latent sites over time, each of which depends on the one before."""

    name: str
    sites: tuple[Site, ...]
    variable: Variable  # a chain

    @property
    def dim(self) -> int:
        """Values of a discrete step, numbers of a Gaussian one."""
        return self.variable.family.dim  # type: ignore[attr-defined]

    def steps(self, site: Site) -> list[int]:
        """Those that a site involves."""
        return sorted(self._at[n] for n in {site.name, *site.parents} if n in self._at)

    @cached_property
    def _at(self) -> dict[str, int]:
        return {member.name: t for t, member in enumerate(self.sites)}


@dataclass(frozen=True)
class View:
    """Single steps of a chain, or pairs of steps, each as a variable of its own."""

    series: Series
    first: tuple[int, ...]  # steps, or first ones of pairs: all even or all odd
    pair: bool

    @property
    def name(self) -> str:
        """Of the chain."""
        return self.series.name

    @property
    def variable(self) -> Variable:
        """A step or pair of steps, in a batch ``(*batch, steps)``."""
        dim, chain = self.series.dim, self.series.variable
        if isinstance(chain.family, DiscreteChain):
            family: Family = Categorical(dim**2 if self.pair else dim)
        else:
            family = MultivariateGaussian(dim * (1 + self.pair))
        return Variable(self.name, family, (*chain.batch_shape, len(self.first)), chain.scale)

    def aligned(self, site: Site, elements: int) -> dict[int, int]:
        """Plates with those of the site, and steps with its first dim."""
        member = self.series.sites[0]
        shared = member.plates.keys() & site.plates.keys()
        plates = {
            member.batch_dims + member.plates[n]: site.batch_dims + site.plates[n] for n in shared
        }
        return {**plates, len(self.series.variable.batch_shape): 0}

    def seen(self, mean: Tensor) -> Tensor:
        """Mean coordinates of the steps or pairs, from those of the chain."""
        at = torch.tensor(self.first)
        parts = self.series.variable.family.split(mean)
        if isinstance(self.series.variable.family, DiscreteChain):
            one, two = parts
            return two[..., at, :, :].flatten(-2) if self.pair else one[..., at, :]
        loc, outer, cross = parts
        family = self.variable.family
        if not self.pair:
            return family.join(loc[..., at, :], outer[..., at, :, :])
        across = cross[..., at, :, :]
        both = torch.cat([loc[..., at, :], loc[..., at + 1, :]], -1)
        top = torch.cat([outer[..., at, :, :], across], -1)
        bottom = torch.cat([across.mT, outer[..., at + 1, :, :]], -1)
        return family.join(both, torch.cat([top, bottom], -2))

    def assign(self, nodes: Tensor) -> dict[str, Tensor]:
        """Nodes ``(rows, *event)`` as values of all sites of the chain: name to ``(rows, ..)``."""
        if not self.pair:
            return {site.name: _spread(nodes, site) for site in self.series.sites}
        dim = self.series.dim
        if isinstance(self.series.variable.family, DiscreteChain):
            ends = nodes // dim, nodes % dim
        else:
            ends = nodes[:, :dim], nodes[:, dim:]
        odd = self.first[0] % 2
        return {
            site.name: _spread(ends[(t + odd) % 2], site)
            for t, site in enumerate(self.series.sites)
        }


def _spread(nodes: Tensor, site: Site) -> Tensor:
    """The same value for all of a site's batch."""
    event = site.value.shape[site.batch_dims :]
    shaped = nodes.reshape((len(nodes), *[1] * site.batch_dims, *event))
    return shaped.expand(-1, *site.value.shape).to(site.value.dtype)


def series_in(sites: Mapping[str, Site], without: Collection[str] = ()) -> dict[str, Series]:
    """The chains among latent sites, by the stems of their names.

    Args:
        without: stems that are not to be chains.
    """
    stems: dict[str, list[Site]] = defaultdict(list)
    for site in sites.values():
        if not site.observed and step_of(site.name) is not None:
            stems[stem_of(site.name)].append(site)
    found = {}
    for stem, members in stems.items():
        chain = None if stem in without or stem in sites else _chain(stem, members)
        if chain is not None and all(_near(chain.steps(site)) for site in sites.values()):
            found[stem] = chain
    return found


def _near(steps: Sequence[int]) -> bool:
    """Whether there are two of them at most, one after the other."""
    return len(steps) < 2 or (len(steps) == 2 and steps[1] == steps[0] + 1)


def _chain(stem: str, members: Sequence[Site]) -> Series | None:
    """Sites as a chain, if they are alike and each depends on the one before."""
    if not _in_a_row(stem, members):
        return None
    variables = [latent_of(site, joint=False).variable for site in members]
    if any(replace(v, name=stem) != replace(variables[0], name=stem) for v in variables):
        return None
    plates = members[0].plates
    if any(s.plates != plates for s in members) or len(plates) != len(variables[0].batch_shape):
        return None
    family = _chain_family(variables[0], len(members))
    if family is None:
        return None
    chain = Variable(stem, family, variables[0].batch_shape, variables[0].scale)
    return Series(stem, tuple(members), chain)


def _in_a_row(stem: str, members: Sequence[Site]) -> bool:
    """Whether each depends on the one before."""
    names = [site.name for site in members]
    if len(members) < 2 or names != [f"{stem}_{t}" for t in range(len(members))]:
        return False
    return all(one in site.parents for one, site in zip(names, members[1:], strict=False))


def _chain_family(step: Variable, steps: int) -> DiscreteChain | GaussianChain | None:
    if isinstance(step.family, Categorical):
        return DiscreteChain(steps, step.family.dim)
    if isinstance(step.family, Gaussian):
        return GaussianChain(steps, 1)
    if isinstance(step.family, MultivariateGaussian):
        return GaussianChain(steps, step.family.dim)
    return None


def grouped(
    sites: Mapping[str, Site], chains: Mapping[str, Series], latents: Mapping[str, Latent]
) -> list[tuple[Site, list[Latent | View]]]:
    """Sites that play the same role at different steps, as one; and what each involves."""
    groups: dict[tuple[object, ...], list[Site]] = defaultdict(list)
    for site in sites.values():
        groups[_role(site, chains)].append(site)
    found: list[tuple[Site, list[Latent | View]]] = []
    for members in groups.values():
        views = [view for chain in chains.values() if (view := _view(chain, members))]
        involved = {members[0].name, *members[0].parents}
        others = [latent for name, latent in latents.items() if name in involved]
        if views or others or members[0].observed:
            found.append((_one(members) if views else members[0], [*views, *others]))
    return found


def _role(site: Site, chains: Mapping[str, Series]) -> tuple[object, ...]:
    """What sites of one group share; a site of no chain is alone in its own."""
    steps = {name: chain.steps(site) for name, chain in chains.items()}
    used = {name: at for name, at in steps.items() if at}
    if not used:
        return (site.name,)
    kinds = tuple((name, len(at), at[0] % 2 if len(at) == 2 else 0) for name, at in used.items())
    inner = {member.name for chain in chains.values() for member in chain.sites}
    others = tuple(name for name in site.parents if name not in inner)
    own = () if site.observed or site.name in inner else (site.name,)
    shape = site.fn.batch_shape, site.fn.event_shape, tuple(site.plates.items())
    return stem_of(site.name), kinds, others, own, site.observed, type(site.fn), shape


def _view(chain: Series, members: Sequence[Site]) -> View | None:
    steps = [chain.steps(site) for site in members]
    if not steps[0]:
        return None
    return View(chain, tuple(at[0] for at in steps), len(steps[0]) == 2)


def _one(members: Sequence[Site]) -> Site:
    """A site that has the members along a first dim of its elements."""
    first = members[0]
    value = torch.stack([site.value.expand(first.value.shape) for site in members])
    stem = stem_of(first.name)
    name = (
        first.name
        if len(members) == 1 or first.name == stem
        else f"{stem}[{step_of(first.name)}..]"
    )
    names = tuple(site.name for site in members)
    return replace(first, name=name, value=value, members=names)
