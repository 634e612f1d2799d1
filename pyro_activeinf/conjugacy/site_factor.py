"""The factor of a site of a program: its log-densities at nodes, weighed by beliefs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from .approximation import Approximation, Sampled
from .factor import Factor, Means
from .family import DTYPE
from .listed import Listed
from .nodes import nodes_of
from .of_site import Latent
from .reading import Reading, Site
from .series import View
from .tables import (
    Axis,
    Inseparable,
    dims_used,
    indexed,
    nodes_of_axes,
    table_of,
    usual_value,
    weighed,
)

LARGEST = 2**24  # numbers of a table
IMPOSSIBLE = -1e300  # nats, and below
DROP = 1e4  # nats from the least that is possible to the impossible, of values in a list
STRAIGHT = 1e-7  # relative error up to which a function counts as linear


@dataclass(frozen=True)
class SiteFactor(Factor):
    """A site of a program, given its latent parents.

    Log-densities are computed at all combinations of the nodes of its variables. An expectation
    is their sum, weighed by weights that are linear in mean coordinates. Where the log-density
    bends in those of some variables, their values are those of an approximation, and the table is
    computed anew.
    """

    reading: Reading
    site: Site
    axes: tuple[Axis, ...]
    bent: tuple[Latent, ...]
    approximation: Approximation
    seed: int
    differentiable: bool = False

    @property
    def name(self) -> str:  # type: ignore[override]
        """Of the site."""
        return self.site.name

    @property
    def variables(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of all latent ones."""
        return (*(axis.name for axis in self.axes), *(latent.name for latent in self.bent))

    @property
    def approximate(self) -> bool:  # type: ignore[override]
        """Whether some variable is bent."""
        return bool(self.bent)

    def linear(self, variable: str, means: Means) -> bool:
        """Whether it is not bent."""
        bent = any(latent.name == variable for latent in self.bent)
        return not bent or not self.approximation.descends

    def expected(self, means: Means) -> Tensor:
        """The weighed sum."""
        weights = [axis.weights(means) for axis in self.axes]
        if not self.bent:
            return weighed(self._table, self.axes, weights, self.site)
        variables = {latent.name: latent.variable for latent in self.bent}

        def density(values: Mapping[str, Tensor]) -> Tensor:
            return weighed(self._table_at(values), self.axes, weights, self.site)

        return self.approximation.expected(density, variables, means, self.seed)

    def impossible(self, means: Means) -> Tensor:
        """How many elements the beliefs think impossible: a sum of probabilities."""
        if self.bent:
            return torch.zeros(())
        with torch.no_grad():
            table = table_of(self.reading, self.site, self.axes, nodes_of_axes(self.axes), {})
        weights = [axis.weights(means) for axis in self.axes]
        return weighed((table < IMPOSSIBLE).to(DTYPE), self.axes, weights, self.site)

    def live(self) -> SiteFactor:
        """The same with a table that gradients go through, to parameters of the program."""
        if self.bent or not self.site.parametric:
            return self
        return replace(self, differentiable=True)

    def renewed(self) -> SiteFactor:
        """The same with other noise."""
        return replace(self, seed=int(torch.randint(2**31, ()))) if self.bent else self

    def _table_at(self, values: Mapping[str, Tensor]) -> Tensor:
        """Log-densities ``(*axes, *elements)``, relative to the base measure of the site."""
        given = {latent.name: latent.value(values[latent.name]) for latent in self.bent}
        table = table_of(self.reading, self.site, self.axes, nodes_of_axes(self.axes), given)
        if any(isinstance(axis.latent.variable.family, Listed) for axis in self.axes):
            table = _floored(table)
        for k, axis in enumerate(self.axes):
            if axis.name == self.name:
                base = axis.latent.variable.family.log_base(axis.nodes.values)
                return table - _along(base, k, len(self.axes), table.dim())
        for latent in self.bent:
            if latent.name == self.name:
                base = latent.variable.family.log_base(values[latent.name])
                return table - base if base.dim() == table.dim() - len(self.axes) else table
        return table

    @cached_property
    def _table(self) -> Tensor:
        """The table, summed over elements that all weights are the same for."""
        with torch.set_grad_enabled(self.differentiable):
            table = self._table_at({})
        count = len(self.axes)
        used = dims_used(self.axes, self.site, table.dim() - count)
        rest = [j + count for j in range(table.dim() - count) if j not in used]
        return table.sum(rest, keepdim=True) if rest else table


def _along(base: Tensor, k: int, axes: int, dims: int) -> Tensor:
    """Numbers of nodes ``(nodes,)``, or ``(nodes, *elements)``, along axis k of a table."""
    if base.dim() == 1:
        return base.reshape(*[1] * k, -1, *[1] * (dims - k - 1))
    return base.reshape(*[1] * k, len(base), *[1] * (axes - k - 1), *base.shape[1:])


def _floored(table: Tensor) -> Tensor:
    """What is impossible as very unlikely: beliefs that leave it a tail go on to learn."""
    impossible = table < IMPOSSIBLE
    least = torch.where(impossible, 0.0, table).detach().amin()
    return torch.where(impossible, least - DROP, table)


def factor_of(
    reading: Reading,
    site: Site,
    latents: Sequence[Latent | View],
    approximation: Approximation,
    bent: Sequence[str] = (),
) -> SiteFactor:
    """The factor of a site, and which of its variables it bends in.

    Args:
        latents: its variables.
        bent: of some it is known.

    Raises:
        Inseparable: where an element of the site depends on several of a variable.
    """
    axes = [Axis(latent, nodes_of(latent.variable.family)) for latent in latents]
    seed = int(torch.randint(2**31, ()))
    kept = [axis for axis in axes if axis.name not in bent]
    if math.prod(len(axis.nodes.values) for axis in kept) * _elements(site) > LARGEST:
        kept = [axis for axis in kept if axis.discrete]
    with torch.no_grad():
        first = [a.latent.assign(usual_value(a)) for a in axes if a not in kept]
        given = {name: rows[0] for each in first for name, rows in each.items()}
        table = table_of(reading, site, kept, nodes_of_axes(kept), given)
        elements = table.dim() - len(kept)
        kept = [indexed(reading, site, kept, k, elements, given) for k in range(len(kept))]
        fine = [_straight(reading, site, kept, k, table, given) for k in range(len(kept))]
    straight = [axis for axis, linear in zip(kept, fine, strict=True) if linear]
    names = {axis.name for axis in straight}
    curved = []
    for latent in (axis.latent for axis in axes if axis.name not in names):
        if isinstance(latent, View):
            raise Inseparable(latent.name)
        curved.append(latent)
    suits = all(approximation.suits(latent.variable.family) for latent in curved)
    how = approximation if suits else Sampled()
    return SiteFactor(reading, site, tuple(straight), tuple(curved), how, seed)


def _elements(site: Site) -> int:
    return site.value.numel()


def _straight(
    reading: Reading,
    site: Site,
    axes: Sequence[Axis],
    k: int,
    table: Tensor,
    given: Mapping[str, Tensor],
) -> bool:
    """Whether the nodes of axis k give the log-density at another value as well."""
    axis = axes[k]
    if axis.nodes.extra is None:
        return True
    choices = nodes_of_axes(axes)
    choices[k] = axis.nodes.extra.unsqueeze(0)
    family = axis.latent.variable.family
    there = table_of(reading, site, axes, choices, given)
    if axis.name == site.name:
        there = there - family.log_base(axis.nodes.extra)
        base = family.log_base(axis.nodes.values)
        table = table - _along(base, k, len(axes), table.dim())
    statistics = family.statistics(axis.nodes.extra).reshape(-1, family.size)[0]
    weights = axis.nodes.weights(statistics)
    shaped = weights.reshape(*[1] * k, -1, *[1] * (table.dim() - k - 1))
    found = (table * shaped).sum(k, keepdim=True)
    size = (table * shaped).abs().amax(k, keepdim=True) + 1.0
    error = max(STRAIGHT, 1000 * site.epsilon)
    return bool(((found - there).abs() <= error * size).all())
