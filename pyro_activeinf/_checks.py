"""Argument checks whose errors name the argument, what was expected, what was got, the way out."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def complain(argument: str, expected: str, got: object, way_out: str = "") -> str:
    """Word an error: argument, expected, got, way out.

    Example:
        >>> complain("horizon", "a positive integer", 0, "Plan at least one step ahead.")
        '`horizon`: expected a positive integer, got 0. Plan at least one step ahead.'
    """
    return f"`{argument}`: expected {expected}, got {got}.{' ' + way_out if way_out else ''}"


def path_of(argument: str, value: object) -> Path:
    """Return ``value`` as a path, else raise ``TypeError``."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(complain(argument, "a path", repr(value), "Write it as a string."))
    return Path(value)


def positive_int(argument: str, value: int) -> int:
    """Return ``value`` when it is an integer of at least one, else raise ``ValueError``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(complain(argument, "an integer of at least 1", repr(value)))
    return int(value)


def whole_number(argument: str, value: int) -> int:
    """Return ``value`` when it is an integer, else raise ``TypeError``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(complain(argument, "an integer", repr(value)))
    return int(value)


def nonnegative(argument: str, value: float) -> float:
    """Return ``value`` when it is a number >= 0 (infinity included), else raise ``ValueError``."""
    if not isinstance(value, Real) or not value >= 0:
        raise ValueError(complain(argument, "a number >= 0", repr(value)))
    return float(value)


def finite(argument: str, value: float) -> float:
    """Return ``value`` when it is a number >= 0 and not infinite, else raise ``ValueError``."""
    if not isinstance(value, Real) or not 0 <= value < math.inf:
        raise ValueError(complain(argument, "a finite number >= 0", repr(value)))
    return float(value)


def real(argument: str, value: float) -> float:
    """Return ``value`` when it is a finite number, else raise ``TypeError`` or ``ValueError``."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(complain(argument, "a number", repr(value)))
    if not math.isfinite(value):
        raise ValueError(complain(argument, "a finite number", repr(value)))
    return float(value)


def differentiable(
    argument: str, value: float | Tensor, check: Callable[[str, float], float]
) -> float | Tensor:
    """Return a number that ``check`` lets pass, or a tensor as it is, so that gradients flow.

    Raises:
        ValueError: as ``check``; for a tensor unless it is one finite number >= 0.
    """
    if not isinstance(value, Tensor):
        return check(argument, value)
    if value.dim() or not bool((value >= 0) & (value < math.inf)):
        raise ValueError(complain(argument, "a tensor of one finite number >= 0", repr(value)))
    return value


def below_one(argument: str, value: float) -> float:
    """Return ``value`` when it is a number from 0 up to 1, which is not 1, else raise."""
    if not isinstance(value, Real) or not 0 <= value < 1:
        raise ValueError(complain(argument, "a number from 0 up to 1", repr(value)))
    return value


def positive(argument: str, value: float) -> float:
    """Return ``value`` when it is a finite number above 0, else raise ``ValueError``."""
    if not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(complain(argument, "a finite number above 0", repr(value)))
    return float(value)


def batch_dims(batch_shape: Iterable[int]) -> tuple[int, ...]:
    """Return a batch shape as a tuple of sizes, else raise ``TypeError`` or ``ValueError``."""
    if not isinstance(batch_shape, Iterable):
        raise TypeError(
            complain(
                "batch_shape", "a tuple of sizes", repr(batch_shape), f"Write ({batch_shape},)."
            )
        )
    sizes = tuple(batch_shape)
    if any(not isinstance(n, Integral) or n < 0 for n in sizes):
        raise ValueError(complain("batch_shape", "sizes from 0 up", sizes))
    return sizes


def instance(
    argument: str, value: object, kind: type | tuple[type, ...], expected: str, way_out: str = ""
) -> None:
    """Raise ``TypeError`` unless ``value`` is of a kind."""
    if not isinstance(value, kind):
        raise TypeError(complain(argument, expected, repr(value), way_out))


def known_names(argument: str, got: Iterable[str], known: Sequence[str]) -> None:
    """Raise ``ValueError`` naming those of ``got`` that are not in ``known``."""
    unknown = [name for name in got if name not in known]
    if unknown:
        raise ValueError(complain(argument, f"names among {list(known)}", unknown))


def strings(argument: str, value: object) -> None:
    """Raise ``TypeError`` unless ``value`` is a collection of strings, and not one itself."""
    some = isinstance(value, Iterable) and not isinstance(value, str)
    if not some or not all(isinstance(name, str) for name in value):  # type: ignore[attr-defined]
        raise TypeError(complain(argument, "a tuple of names", repr(value)))


def by_site(argument: str, value: object, sites: Sequence[str]) -> None:
    """Raise unless ``value`` is a mapping whose keys are among ``sites``."""
    if not isinstance(value, Mapping):
        raise TypeError(
            complain(argument, f"a dict with some of the sites {list(sites)}", repr(value))
        )
    for name in value:
        if name not in sites:
            known_names(argument, value, sites)


class one_batch:
    """Turns torch's complaint about batch dims into one that names what does not fit together."""

    def __init__(self, **shapes: Any) -> None:
        self.shapes = shapes

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, where: object) -> None:
        if not isinstance(error, RuntimeError):
            return
        found = {name: tuple(shape) for name, shape in self.shapes.items()}
        try:
            torch.broadcast_shapes(*found.values())
        except RuntimeError:
            raise ValueError(
                complain(
                    "batch dims",
                    "shapes that broadcast",
                    found,
                    "A filter's initial(batch_shape) and an agent's reset(batch_shape) set "
                    "the batch of the beliefs.",
                )
            ) from error


def numbers(argument: str, value: object) -> Tensor:
    """Return ``value`` as a tensor, or raise ``ValueError`` where it holds no numbers."""
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(complain(argument, "numbers or a tensor of them", repr(value))) from error


def whole_numbers(argument: str, value: object) -> Tensor:
    """Return ``value`` as a tensor of int64, or raise where it holds fractions or no numbers."""
    tensor = numbers(argument, value)
    if tensor.is_floating_point() and not bool((tensor == tensor.round()).all()):
        raise ValueError(complain(argument, "whole numbers", tensor.tolist()))
    return tensor.long()


def in_range(argument: str, index: Tensor, size: int) -> Tensor:
    """Return ``index`` when all of it lies in ``0 .. size - 1``, else raise ``ValueError``."""
    if index.numel() and (int(index.min()) < 0 or int(index.max()) >= size):
        raise ValueError(complain(argument, f"integers from 0 to {size - 1}", index.tolist()))
    return index


def readable_bytes(count: float) -> str:
    """Write a number of bytes with a unit.

    Example:
        >>> readable_bytes(3 * 2**30)
        '3.0 GiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024:
            return f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} PiB"
