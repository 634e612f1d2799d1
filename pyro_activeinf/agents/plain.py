"""Records as plain values and back, so that files hold no code."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Size, Tensor

from .._checks import complain

RECORD, LIBRARY = "record", __name__.partition(".")[0]
Plain = Tensor | str | int | float | bool | None


def to_plain(name: str, value: Any) -> Any:
    """Write a record as dicts of tensors, numbers and text.

    Raises:
        TypeError: for a value that is none of them, nor a record of this library.

    Example:
        >>> import torch
        >>> from pyro_activeinf.records import SoftObservation
        >>> to_plain("seen", SoftObservation(torch.zeros(1)))["record"][-1]
        'SoftObservation'
    """
    if isinstance(value, Plain | Size):
        return value.detach() if isinstance(value, Tensor) else value
    if isinstance(value, Mapping):
        return {key: to_plain(f"{name}[{key!r}]", held) for key, held in value.items()}
    if isinstance(value, tuple):
        return tuple(to_plain(name, held) for held in value)
    if isinstance(value, list):
        return [to_plain(name, held) for held in value]
    if _of_this_library(type(value)):
        held = {field.name: getattr(value, field.name) for field in fields(value)}
        where = [type(value).__module__, type(value).__qualname__]
        return {RECORD: where, "fields": to_plain(name, held)}
    raise TypeError(complain(name, "tensors, plain values and records of them", repr(value)))


def from_plain(value: Any) -> Any:
    """Read what :func:`to_plain` wrote.

    Raises:
        ValueError: for a record that this library does not have.
    """
    if isinstance(value, Mapping):
        if RECORD in value:
            return _record(*value[RECORD])(**from_plain(value["fields"]))
        return {key: from_plain(held) for key, held in value.items()}
    if isinstance(value, tuple | list) and not isinstance(value, Size):
        return type(value)(from_plain(held) for held in value)
    return value


def _of_this_library(kind: type) -> bool:
    return is_dataclass(kind) and kind.__module__.partition(".")[0] == LIBRARY


def _record(module: str, name: str) -> Any:
    """A record by its name: among modules that are there, nothing is imported."""
    found = getattr(sys.modules.get(module), name, None)
    if not isinstance(found, type) or not _of_this_library(found):
        raise ValueError(complain("path", "records of this library", f"{module}.{name}"))
    return found
