"""Files and folders that are written as a whole or not at all, chunk by chunk."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._checks import complain, path_of, positive_int
from .chunks import CHUNK, netcdf_encoding, plain, portable, zarr_encoding
from .groups import attributes, collected

if TYPE_CHECKING:
    from xarray import Dataset

NETCDF, ZARR = (".nc", ".netcdf"), (".zarr",)


def save(
    source: object,
    path: str | os.PathLike[str],
    *,
    draws: int = 100,
    chunk_bytes: int = CHUNK,
) -> Path:
    """Save a record, or data of ArviZ or xarray, in chunks along its draws or its time.

    Chunks are written one after the other: data are not held twice. What is at the path afterwards
    is all of it, or what was there before. (A folder cannot replace another in one go: between two
    renamings there is neither.)

    Args:
        source: what :func:`~pyro_activeinf.to_arviz` takes or has made, data of xarray, or a
            dict from names to numbers, arrays or tensors.
        path: ends in ``.nc`` (netCDF, compressed) or ``.zarr`` (Zarr format 3).
        draws: number of draws, as in :func:`~pyro_activeinf.to_arviz`.
        chunk_bytes: at most, before compression.

    Returns:
        The path. ``xarray.open_datatree(path)`` reads it as it is needed; ``arviz.from_netcdf``
        reads netCDF.

    Raises:
        TypeError: where ``source`` is nothing that can be exported, or ``path`` none.
        ValueError: for another ending of the path.
        OSError: where it cannot be written.

    Example:
        >>> import tempfile, torch, xarray
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = save({"score": torch.arange(3.0)}, Path(folder) / "scores.zarr")
        ...     with xarray.open_datatree(found, engine="zarr", consolidated=False) as tree:
        ...         tree["result"]["score"].values.tolist()
        [0.0, 1.0, 2.0]
    """
    target, limit = path_of("path", path), positive_int("chunk_bytes", chunk_bytes)
    if target.suffix not in NETCDF + ZARR:
        raise ValueError(complain("path", "a name that ends in .nc or .zarr", target))
    found = collected(source, positive_int("draws", draws))
    write = write_zarr if target.suffix in ZARR else write_netcdf
    with whole(target) as draft:
        write(found, draft, limit)
    return target


def write_zarr(
    found: Mapping[str, Dataset],
    path: Path,
    limit: int = CHUNK,
    attrs: Mapping[str, Any] | None = None,
) -> None:
    """Write groups as a Zarr group with these attributes, which is not there yet."""
    from xarray import Dataset

    zarr_module()
    root = Dataset(attrs=attributes() | dict(attrs or {}))
    for name, dataset in {"": root, **found}.items():
        given = portable(plain(dataset))
        given.to_zarr(
            path,
            group=name or None,
            mode="a" if name else "w-",
            encoding=zarr_encoding(given, limit),
            zarr_format=3,
            consolidated=False,
        )


def zarr_module() -> Any:
    """Zarr, or an ``ImportError`` that says how to install it."""
    try:
        import zarr
    except ImportError as error:
        way_out = 'pip install "pyro-activeinf[scale]"'
        raise ImportError(complain("path", "Zarr to be installed", "none", way_out)) from error
    return zarr


def write_netcdf(found: Mapping[str, Dataset], path: Path, limit: int = CHUNK) -> None:
    """Write groups as a netCDF file, compressed."""
    from xarray import Dataset

    for name, dataset in {"": Dataset(attrs=attributes()), **found}.items():
        given = plain(dataset)
        given.to_netcdf(
            path,
            group=name or None,
            mode="a" if name else "w",
            encoding=netcdf_encoding(given, limit),
            engine="h5netcdf",
        )


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A draft beside the target, which takes its place at the end, brought to the disk.

    After an error or an interrupt there is no draft, and what was there before stays.
    """
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        yield draft
        settle(draft)
        _take_place(draft, target)
    finally:
        discard(draft)


def _take_place(draft: Path, target: Path) -> None:
    """A folder cannot replace another in one go: the old one steps aside first."""
    if not target.is_dir():
        draft.replace(target)
        return
    aside = draft.with_suffix(".old")
    target.replace(aside)
    draft.replace(target)
    discard(aside)


def settle(draft: Path) -> None:
    """Bring a file, or all files of a folder, to the disk."""
    for part in [draft, *draft.rglob("*")]:
        if part.is_file():
            with part.open("rb+") as file:
                os.fsync(file.fileno())


def discard(draft: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if draft.is_dir():
        shutil.rmtree(draft)
    else:
        draft.unlink(missing_ok=True)
