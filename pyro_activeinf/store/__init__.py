"""Stores: records as Zarr and netCDF, written as a whole or not at all, read as needed."""

from .chunks import chunk_shape
from .groups import collected, groups
from .saving import save
from .shelf import Store

__all__ = ["Store", "chunk_shape", "collected", "groups", "save"]
