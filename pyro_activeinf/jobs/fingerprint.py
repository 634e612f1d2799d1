"""Digests of values: the same in every process, whatever its hash seed and its memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import singledispatch
from hashlib import sha256
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from torch import Tensor

from .._checks import complain

Open = tuple[int, ...]  # ids of the values that one is inside of


def digest(value: object) -> str:
    """A digest of a value and all that it holds, in 64 hexadecimal figures.

    Functions and classes count by their names, arrays and tensors by dtype, shape and bytes, other
    objects by what they would be pickled as.

    Raises:
        TypeError: for lambdas, functions within functions, and what cannot be pickled.

    Example:
        >>> digest({"rate": 0.5, "seed": 1}) == digest({"seed": 1, "rate": 0.5})
        True
        >>> digest([0.5]) == digest((0.5,))
        False
    """
    return _digest(value, ()).hex()


def _digest(value: object, inside: Open) -> bytes:
    if id(value) in inside:
        return _joined("again", [str(inside.index(id(value))).encode()])
    return _parts(value, (*inside, id(value)))


def _joined(tag: str, parts: Iterable[bytes]) -> bytes:
    whole = sha256(tag.encode())
    for part in parts:
        whole.update(len(part).to_bytes(8, "little"))
        whole.update(part)
    return whole.digest()


def _each(values: Iterable[object], inside: Open) -> list[bytes]:
    return [_digest(value, inside) for value in values]


@singledispatch
def _parts(value: Any, inside: Open) -> bytes:
    """What an object is made again from."""
    try:
        reduced = value.__reduce_ex__(4)
    except TypeError as error:
        raise TypeError(complain("jobs", "arguments that can be pickled", repr(value))) from error
    if isinstance(reduced, str):
        return _joined("global", [f"{type(value).__qualname__}:{reduced}".encode()])
    function, args, *rest = reduced
    lists = [None if part is None else list(part) for part in rest[1:3]]
    return _joined("object", _each([function, args, *rest[:1], *lists], inside))


@_parts.register(type(None))
@_parts.register(bool)
@_parts.register(int)
@_parts.register(float)
@_parts.register(complex)
@_parts.register(str)
@_parts.register(bytes)
def _of_plain(value: object, inside: Open) -> bytes:
    return _joined(type(value).__name__, [repr(value).encode()])


@_parts.register(PurePath)
def _of_path(value: PurePath, inside: Open) -> bytes:
    return _joined("path", [str(value).encode()])


@_parts.register(list)
@_parts.register(tuple)
def _of_sequence(value: Iterable[object], inside: Open) -> bytes:
    return _joined(type(value).__qualname__, _each(value, inside))


@_parts.register(set)
@_parts.register(frozenset)
def _of_set(value: Iterable[object], inside: Open) -> bytes:
    return _joined(type(value).__qualname__, sorted(_each(value, inside)))


@_parts.register(dict)
def _of_dict(value: Mapping[object, object], inside: Open) -> bytes:
    return _joined(type(value).__qualname__, sorted(_each(value.items(), inside)))


@_parts.register(Tensor)
def _of_tensor(value: Tensor, inside: Open) -> bytes:
    return _of_array(value.numpy(force=True), inside)


@_parts.register(np.ndarray)
def _of_array(value: np.ndarray[Any, Any], inside: Open) -> bytes:
    head = f"{value.dtype}{value.shape}".encode()
    if value.dtype.hasobject:
        return _joined("array", [head, *_each(value.ravel().tolist(), inside)])
    return _joined("array", [head, value.tobytes()])


@_parts.register(MethodType)
def _of_method(value: MethodType, inside: Open) -> bytes:
    return _joined("method", _each([value.__func__, value.__self__], inside))


@_parts.register(type)
@_parts.register(FunctionType)
@_parts.register(BuiltinFunctionType)
def _of_name(value: Any, inside: Open) -> bytes:
    owner = getattr(value, "__module__", None) or ""
    if "<" in value.__qualname__:
        raise TypeError(
            complain(
                "jobs",
                "functions and classes that a worker can import: defined at the top of a module",
                f"{value.__qualname__} of {owner}",
                "Write `def` there, and hand over what it needs: Job(function, (1, 2)).",
            )
        )
    name = f"{owner}:{value.__qualname__}".encode()
    bound = getattr(value, "__self__", None)  # of a method that is written in C
    whose = [] if bound is None or isinstance(bound, ModuleType | type) else [bound]
    return _joined("name", [name, *_each(whose, inside)])
