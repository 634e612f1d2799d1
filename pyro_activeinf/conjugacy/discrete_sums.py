"""Expectations over several discrete elements together: sums over all of them, or over samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from .counts import Bernoulli, Categorical
from .factor import Means, Variable
from .family import DTYPE, Family
from .listed import Listed
from .mapping import mapped

Values = Mapping[str, Tensor]  # variable -> values (*batch, *event)
Function = Callable[[Values], Tensor]  # to a number
LONGEST = 2**12  # combinations that are summed over
CHUNK = 2**10  # that are looked at together


def is_discrete(family: Family) -> bool:
    """Whether a family is of discrete values."""
    return isinstance(family, Bernoulli | Categorical | Listed)


def values_in(family: Family) -> Tensor:
    """All values, ``(dim, *event)``."""
    if isinstance(family, Listed):
        return family.values
    return torch.arange(family.dim if isinstance(family, Categorical) else 2).to(DTYPE)


def probs_in(family: Family, mean: Tensor) -> Tensor:
    """Probabilities of all values, ``(*batch, dim)``, linear in mean coordinates."""
    return torch.cat([1 - mean, mean], -1) if isinstance(family, Bernoulli) else mean


def summed(
    function: Function, variables: Mapping[str, Variable], means: Means, count: int
) -> Tensor:
    r"""E_q[f] over discrete variables, linear in the mean coordinates of each of their elements.

    Exact where all combinations can be listed. Else of samples, in each of which one element
    after the other has all of its values:

    .. math:: \nabla_{\mu_{ev}} E_q[f] \approx \frac1n \sum_i f(x^{(i)}, x_e = v)

    Args:
        function: f, which is mapped over values.
        variables: discrete ones.
        count: of samples, drawn from torch's generator.

    Reference: Titsias and Lazaro-Gredilla (2015), "Local expectation gradients for black box
    variational inference", NeurIPS, eq. 8.
    """
    sizes = [len(values_in(v.family)) for v in variables.values() for _ in range(_count(v))]
    if math.prod(sizes) <= LONGEST:
        return _of_all(function, variables, means, sizes)
    return _of_samples(function, variables, means, count)


def _count(variable: Variable) -> int:
    return math.prod(variable.batch_shape)


def _flat_probs(variables: Mapping[str, Variable], means: Means) -> list[Tensor]:
    """Of each element in turn, ``(dim,)``."""
    return [
        row
        for name, v in variables.items()
        for row in probs_in(v.family, means[name]).reshape(_count(v), -1)
    ]


def _as_values(variables: Mapping[str, Variable], places: Tensor) -> dict[str, Tensor]:
    """Values ``(rows, *batch, *event)`` from places in lists, ``(rows, elements)``."""
    found, start = {}, 0
    for name, v in variables.items():
        mine = places[:, start : start + _count(v)].reshape(-1, *v.batch_shape)
        found[name], start = values_in(v.family)[mine], start + _count(v)
    return found


def _mapped(function: Function, values: Values) -> Tensor:
    return mapped(function, values, rows=CHUNK)


def _of_all(
    function: Function, variables: Mapping[str, Variable], means: Means, sizes: list[int]
) -> Tensor:
    places = torch.cartesian_prod(*(torch.arange(size) for size in sizes)).reshape(-1, len(sizes))
    each = _mapped(function, _as_values(variables, places))
    weight = torch.ones(len(places), dtype=DTYPE)
    for e, probs in enumerate(_flat_probs(variables, means)):
        weight = weight * probs[places[:, e]]
    return (weight * each).sum()


def _of_samples(
    function: Function, variables: Mapping[str, Variable], means: Means, count: int
) -> Tensor:
    """The gradient of each element at what others were drawn to; the value is that of samples."""
    probs = _flat_probs(variables, means)
    with torch.no_grad():
        spread = (torch.arange(count) + torch.rand(len(probs), count)) / count  # stratified
        uniform = torch.stack([row[torch.randperm(count)] for row in spread], 1).to(DTYPE)
        cut = [row.cumsum(-1)[:-1].contiguous() for row in probs]
        drawn = [torch.searchsorted(c, uniform[:, e].contiguous()) for e, c in enumerate(cut)]
    places = torch.stack(drawn, 1)
    rows = [places.repeat(len(row), 1) for row in probs]
    for e, row in enumerate(probs):
        rows[e][:, e] = torch.arange(len(row)).repeat_interleave(count)
    found = _mapped(function, _as_values(variables, torch.cat(rows)))
    total = torch.zeros((), dtype=DTYPE)
    for row, values in zip(probs, found.split([len(r) for r in rows]), strict=True):
        each = values.reshape(len(row), count).mean(1)
        estimate = (row.detach() * each).sum() / len(probs)  # one of each element
        total = total + estimate + ((row - row.detach()) * each.detach()).sum()
    return total
