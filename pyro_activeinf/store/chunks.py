"""How large arrays are cut for writing."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._checks import complain, instance, positive_int

if TYPE_CHECKING:
    from xarray import Dataset

CHUNK = 2**22  # bytes
FIRST = ("draw", "time", "step")  # dims that grow, which are cut before others


def chunk_shape(
    dims: Sequence[Hashable], shape: Sequence[int], itemsize: int, limit: int = CHUNK
) -> tuple[int, ...]:
    """The shape of chunks of at most ``limit`` bytes: whole, but along draws or time.

    Where single draws are too large still, their longest dims are halved.

    Raises:
        TypeError, ValueError: where dims and sizes are not as many, or numbers not above 0.

    Example:
        >>> chunk_shape(("chain", "draw", "trial"), (4, 1000, 200), 8, limit=2**20)
        (4, 163, 200)
    """
    for argument, value in (("dims", dims), ("shape", shape)):
        instance(argument, value, Sequence, "a tuple, an entry for each dim")
    if len(dims) != len(shape):
        raise ValueError(complain("shape", f"sizes of {tuple(dims)}", tuple(shape)))
    positive_int("itemsize", itemsize)
    positive_int("limit", limit)
    sizes = [max(size, 1) for size in shape]
    for axis in (dims.index(dim) for dim in FIRST if dim in dims):
        rest = itemsize * math.prod(sizes) // sizes[axis]
        sizes[axis] = min(sizes[axis], max(limit // rest, 1))
    while itemsize * math.prod(sizes) > limit and max(sizes) > 1:
        axis = sizes.index(max(sizes))
        sizes[axis] = -(-sizes[axis] // 2)
    return tuple(sizes)


def zarr_encoding(found: Dataset, limit: int = CHUNK) -> dict[Hashable, dict[str, Any]]:
    """Chunks of every variable, as xarray's ``to_zarr`` takes them; compression is Zarr's own."""
    return {name: {"chunks": shape} for name, shape in _chunks(found, limit).items()}


def netcdf_encoding(found: Dataset, limit: int = CHUNK) -> dict[Hashable, dict[str, Any]]:
    """Chunks and compression of every variable, as xarray's ``to_netcdf`` takes them."""
    packed = {"zlib": True, "complevel": 1, "shuffle": True}
    return {
        name: {"chunksizes": shape, **packed}
        for name, shape in _chunks(found, limit).items()
        if shape and found[name].dtype.kind in "biufc" and found[name].size
    }


def _chunks(found: Dataset, limit: int) -> Mapping[Hashable, tuple[int, ...]]:
    return {
        name: chunk_shape(variable.dims, variable.shape, variable.dtype.itemsize, limit)
        for name, variable in found.variables.items()
    }


def portable(found: Dataset) -> Dataset:
    """Text as strings of any length, which every reader of Zarr knows."""
    texts = {name: v for name, v in found.variables.items() if v.dtype.kind in "SU"}
    return found.assign({name: v.astype(object) for name, v in texts.items()})


def plain(found: Dataset) -> Dataset:
    """Without what another file's way of writing has left on the variables."""
    return found.drop_encoding() if any(v.encoding for v in found.variables.values()) else found
