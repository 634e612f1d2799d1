"""Draws as data sets with named dims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ..store.groups import attributes
from .choices import Choices

if TYPE_CHECKING:
    from xarray import Dataset

SAMPLED = ("chain", "draw")


def dataset(
    variables: Mapping[str, tuple[Sequence[str], Any]], coords: Mapping[str, Any]
) -> Dataset:
    """Arrays with the names of their dims; dims without given coordinates are counted.

    Args:
        variables: name to dims and a tensor or array.
        coords: dim to labels, or a name to dims and values.
    """
    from xarray import Dataset

    arrays = {dotted(k): (tuple(dims), array_of(v)) for k, (dims, v) in variables.items()}
    sizes = {d: n for dims, a in arrays.values() for d, n in zip(dims, a.shape, strict=True)}
    counted = {dim: np.arange(size) for dim, size in sizes.items()}
    given = {name: value for name, value in coords.items() if set(_over(name, value)) <= set(sizes)}
    return Dataset(arrays, {**counted, **given}, attributes())


def _over(name: str, value: Any) -> Sequence[str]:
    dims = value[0] if isinstance(value, tuple) else name
    return (dims,) if isinstance(dims, str) else dims


def array_of(value: Any) -> np.ndarray[Any, Any]:
    """A tensor as an array; arrays stay."""
    return value.numpy(force=True) if isinstance(value, Tensor) else np.asarray(value)


def dotted(name: str) -> str:
    """A name for netCDF, which keeps slashes for groups."""
    return name.replace("/", ".")


def event_dims(name: str, count: int) -> tuple[str, ...]:
    """Names of the event dims of a site."""
    return tuple(f"{dotted(name)}_dim_{i}" for i in range(count))


def drawn(
    draws: Mapping[str, Tensor],
    plates: Mapping[str, Sequence[str]],
    named: Mapping[str, str] | None = None,
) -> dict[str, tuple[tuple[str, ...], Tensor]]:
    """Variables of draws ``(chains, draws, *plates, *event)`` by site.

    Args:
        draws: values by site.
        plates: names of the plates of each site.
        named: name of the first event dim of some sites.
    """
    found = {}
    for name, value in draws.items():
        dims = (*SAMPLED, *plates[name])
        event = event_dims(name, value.dim() - len(dims))
        first = (named or {}).get(name)
        found[name] = ((*dims, *((first, *event[1:]) if first else event)), value)
    return found


def labels(choices: Choices) -> dict[str, Any]:
    """Coordinates of subjects, trials and actions."""
    found: dict[str, Any] = {
        "subject": np.asarray(choices.subjects),
        "trial": np.arange(choices.num_trials),
    }
    if "action" in choices.labels:
        found["action"] = np.asarray(choices.labels["action"])
    return found
