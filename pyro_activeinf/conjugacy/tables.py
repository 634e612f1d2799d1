"""Tables of a site's log-densities at the nodes of its variables, and sums weighed by beliefs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .counts import Bernoulli, Categorical
from .factor import Means
from .family import DTYPE
from .listed import Listed
from .nodes import Nodes
from .of_site import Latent
from .reading import Reading, Site
from .series import View

MOST_ELEMENTS = 2**11  # of a variable, that are changed one by one
MOST_TRIED = 8  # values of a list, that an element is changed to


@dataclass(frozen=True)
class Axis:
    """A variable in the table of a factor: a dim with its nodes."""

    latent: Latent | View
    nodes: Nodes
    index: Tensor | None = None  # (*axes, *elements): which of the free batch; 1 where all alike

    @property
    def name(self) -> str:
        """Of the variable."""
        return self.latent.name

    @property
    def discrete(self) -> bool:
        """Whether the nodes are all values that there are."""
        return isinstance(self.latent.variable.family, Categorical | Bernoulli | Listed)

    def weights(self, means: Means) -> Tensor:
        """Weights ``(*batch, nodes)`` at mean coordinates of the variable."""
        return self.nodes.weights(self.latent.seen(means[self.name]))

    @property
    def batch(self) -> tuple[int, ...]:
        """Batch shape of the variable."""
        return self.latent.variable.batch_shape

    def free(self, site: Site, elements: int) -> list[int]:
        """Batch dims that elements of a site are not aligned with, of size above 1."""
        aligned = self.latent.aligned(site, elements)
        return [i for i, size in enumerate(self.batch) if size > 1 and i not in aligned]


def table_of(
    reading: Reading,
    site: Site,
    axes: Sequence[Axis],
    choices: Sequence[Tensor],
    given: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """Log-densities ``(*choices, *elements)`` of a site at all combinations of values.

    Args:
        choices: of each axis, ``(count, *event)``.
        given: values of the site's other latent variables.
    """
    found = reading.table(site, combined(axes, choices), given or {}).to(DTYPE)
    return finite(found.reshape((*(len(c) for c in choices), *found.shape[1:])))


def nodes_of_axes(axes: Sequence[Axis]) -> list[Tensor]:
    """The nodes of each axis."""
    return [axis.nodes.values for axis in axes]


def finite(log_density: Tensor) -> Tensor:
    """Minus infinity as a number so low that 0 times it is 0."""
    return log_density.clamp_min(torch.finfo(log_density.dtype).min * 2.0**-20)


def combined(axes: Sequence[Axis], choices: Sequence[Tensor]) -> dict[str, Tensor]:
    """All combinations of values, each for all of the batch: name to ``(rows, *site value)``."""
    if not axes:
        return {}
    places = torch.cartesian_prod(*(torch.arange(len(c)) for c in choices)).reshape(-1, len(axes))
    found: dict[str, Tensor] = {}
    for k, (axis, choice) in enumerate(zip(axes, choices, strict=True)):
        found |= axis.latent.assign(choice[places[:, k]])
    return found


def weighed(table: Tensor, axes: Sequence[Axis], weights: Sequence[Tensor], site: Site) -> Tensor:
    """The sum of a table ``(*axes, *elements)``, weighed along each axis: first continuous ones.

    Args:
        weights: of each axis, ``(*batch, nodes)``.
    """
    for k in sorted(range(len(axes)), key=lambda k: axes[k].discrete):
        table = (table * laid_out(axes, k, weights[k], site, table.dim())).sum(k, keepdim=True)
    return table.sum()


def laid_out(axes: Sequence[Axis], k: int, weights: Tensor, site: Site, dims: int) -> Tensor:
    """Weights ``(*batch, nodes)`` of axis k as ``(*axes, *elements)``, nodes along dim k."""
    axis, elements = axes[k], dims - len(axes)
    aligned = {i: j for i, j in axis.latent.aligned(site, elements).items() if axis.batch[i] > 1}
    kept = sorted(aligned, key=lambda i: aligned[i])
    free = [i for i in range(len(axis.batch)) if i not in aligned]
    shape = [1] * elements
    for i in kept:
        shape[aligned[i]] = axis.batch[i]
    count = math.prod(axis.batch[i] for i in free)
    flat = weights.permute(*free, *kept, len(axis.batch)).reshape(count, *shape, -1)
    if axis.index is None:
        full = flat[0].reshape(
            (
                *[1] * len(axes),
                *flat.shape[1:],
            )
        )
    else:
        full = flat[(axis.index, *_coordinates(shape))]
    return full.transpose(k, -1).squeeze(-1)


def _coordinates(shape: Sequence[int]) -> list[Tensor]:
    """Of elements, along each dim."""
    return [
        torch.arange(size).reshape(*[1] * j, size, *[1] * (len(shape) - j - 1))
        for j, size in enumerate(shape)
    ]


def dims_used(axes: Sequence[Axis], site: Site, elements: int) -> set[int]:
    """Dims of the elements along which some weights differ."""
    used: set[int] = set()
    for axis in axes:
        aligned = axis.latent.aligned(site, elements)
        used |= {j for i, j in aligned.items() if axis.batch[i] > 1}
        if axis.index is not None:
            sizes = axis.index.shape[axis.index.dim() - elements :]
            used |= {j for j, size in enumerate(sizes) if size > 1}
    return used


class Inseparable(Exception):
    """An element of a site depends on several elements of a variable."""

    def __init__(self, variable: str) -> None:
        super().__init__(variable)
        self.variable = variable


def indexed(
    reading: Reading,
    site: Site,
    axes: Sequence[Axis],
    k: int,
    elements: int,
    given: Mapping[str, Tensor],
) -> Axis:
    """Axis k, with what each element of the site takes from its free batch dims.

    Each element of the batch is changed in turn, under all values of the discrete variables.

    Raises:
        Inseparable: where several elements of the batch matter to one of the site.
    """
    axis = axes[k]
    free = axis.free(site, elements)
    if not free:
        return axis
    count = math.prod(axis.batch[i] for i in free)
    if count > MOST_ELEMENTS:
        raise Inseparable(axis.name)
    choices = [a.nodes.values if a.discrete and a is not axis else generic(a) for a in axes]
    before = table_of(reading, site, axes, choices, given)
    rows = combined(axes, choices)
    depends = []
    for e in range(count):
        changed = torch.zeros_like(before, dtype=torch.bool)
        for other in _others(axis):
            moved = {**rows, axis.name: _with_element(axis, free, e, rows[axis.name], other)}
            after = finite(reading.table(site, moved, given).to(DTYPE)).reshape(before.shape)
            changed |= after != before
        depends.append(changed)
    which = torch.stack(depends)
    if bool((which.sum(0) > 1).any()):
        raise Inseparable(axis.name)
    return Axis(axis.latent, axis.nodes, which.to(torch.uint8).argmax(0))


def generic(axis: Axis) -> Tensor:
    """A value ``(1, *event)`` that is none of the usual ones."""
    extra = axis.nodes.extra
    return axis.nodes.values[:1] if extra is None else extra.unsqueeze(0)


def _others(axis: Axis) -> Sequence[Tensor]:
    """Values ``(1, *event)`` to change to; of a list several, as not all may make a difference."""
    values = axis.nodes.values
    if not isinstance(axis.latent.variable.family, Listed):
        return [values[1:2]]
    places = torch.linspace(0, len(values) - 1, min(len(values), MOST_TRIED)).round().long()
    return list(values[places].split(1))


def usual_value(axis: Axis) -> Tensor:
    """A value ``(1, *event)`` at which others are likely to matter: of discrete ones, not zero."""
    values, family = axis.nodes.values, axis.latent.variable.family
    if isinstance(family, Listed) and family.guess is not None:
        place = min(int(family.guess.argmax()) + 1, len(values) - 1)
        return values[place : place + 1]
    return values[-1:] if axis.discrete else values[:1]


def _with_element(axis: Axis, free: Sequence[int], e: int, rows: Tensor, value: Tensor) -> Tensor:
    """Rows ``(rows, *site value)`` in which one element of the free batch has another value."""
    latent, variable = axis.latent, axis.latent.variable
    if isinstance(latent, View):
        raise Inseparable(axis.name)
    sizes = [axis.batch[i] for i in free]
    place = torch.zeros(math.prod(sizes), dtype=torch.bool)
    place[e] = True
    shape = [size if i in free else 1 for i, size in enumerate(axis.batch)]
    mask = place.reshape(sizes).reshape(
        (
            *shape,
            *[1] * len(variable.family.event_shape),
        )
    )
    other = latent.assign(value)[axis.name]
    mask = mask.expand(*axis.batch, *variable.family.event_shape)
    return torch.where(latent.value(mask).bool(), other, rows)
