"""Checks of what a world is given: errors name the argument, what was expected and got, the fix."""

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeVar

import gymnasium as gym
import numpy as np

T = TypeVar("T")
Cell = tuple[int, int]


def probability(argument: str, value: Any) -> float:
    """Return ``value`` as a float when it is a number from 0 to 1, else raise."""
    message = f"`{argument}`: expected a probability, got {value!r}. Pass a float from 0 to 1."
    if not isinstance(value, Real):
        raise TypeError(message)
    number = float(value)
    if not 0 <= number <= 1:
        raise ValueError(message)
    return number


def number(argument: str, value: Any) -> float:
    """Return ``value`` as a float when it is a finite number, else raise."""
    message = f"`{argument}`: expected a finite number, got {value!r}. Pass a float."
    if not isinstance(value, Real):
        raise TypeError(message)
    if not math.isfinite(value):
        raise ValueError(message)
    return float(value)


def numbers(argument: str, values: Any, names: Sequence[str]) -> tuple[float, ...]:
    """Return ``values`` as floats when there is a finite number for each of ``names``."""
    found = tuple(number(argument, value) for value in _items(argument, values, "numbers"))
    if len(found) != len(names):
        raise ValueError(
            f"`{argument}`: expected {len(names)} numbers ({', '.join(names)}), got {len(found)}. "
            "Pass one for each."
        )
    return found


def distance(argument: str, value: Any) -> float:
    """Return ``value`` as a float when it is a number above 0, else raise."""
    found = number(argument, value)
    if found <= 0:
        raise ValueError(
            f"`{argument}`: expected a distance above 0, got {value!r}. Pass a number of cells."
        )
    return found


def count(argument: str, value: Any) -> int:
    """Return ``value`` as an int when it is an integer of at least 1, else raise."""
    message = f"`{argument}`: expected a count, got {value!r}. Pass an int of at least 1."
    number = _integer(value, message)
    if number < 1:
        raise ValueError(message)
    return number


def index(argument: str, value: Any, names: Sequence[str]) -> int:
    """Return ``value`` as an int when it is the index of one of ``names``, else raise."""
    meanings = ", ".join(f"{i} ({name})" for i, name in enumerate(names))
    message = f"`{argument}`: expected an integer, got {value!r}. Pass one of {meanings}."
    number = _integer(value, message)
    if not 0 <= number < len(names):
        raise ValueError(message)
    return number


def cell(argument: str, value: Any, sizes: Cell) -> Cell:
    """Return ``value`` as a pair of ints when it is a cell of a grid of these sizes, else raise."""
    message = (
        f"`{argument}`: expected a cell, got {value!r}. Pass a pair of integers from (0, 0) to "
        f"({sizes[0] - 1}, {sizes[1] - 1})."
    )
    pair = _items(argument, value, "a pair of integers")
    if len(pair) != 2:
        raise ValueError(message)
    found = (_integer(pair[0], message), _integer(pair[1], message))
    if not all(0 <= at < size for at, size in zip(found, sizes, strict=True)):
        raise ValueError(message)
    return found


def cells(argument: str, values: Any, sizes: Cell) -> tuple[Cell, ...]:
    """Return ``values`` as a tuple of different cells of a grid of these sizes, else raise."""
    found = tuple(cell(argument, value, sizes) for value in _items(argument, values, "cells"))
    if len(set(found)) != len(found):
        raise ValueError(
            f"`{argument}`: expected different cells, got {list(found)}. Name each of them once."
        )
    return found


def truths(argument: str, values: Any, size: int) -> tuple[bool, ...]:
    """Return ``values`` as bools when they are so many truth values, else ``ValueError``."""
    found = _items(argument, values, "truth values")
    message = f"`{argument}`: expected {size} truth values, got {found}. Pass a bool for each."
    if len(found) != size or not all(isinstance(value, int | np.bool_) for value in found):
        raise ValueError(message)
    return tuple(bool(value) for value in found)


def options(given: Mapping[str, Any] | None, known: Sequence[str]) -> dict[str, Any]:
    """Return the options of a reset when all of them are known, else raise ``ValueError``."""
    unknown = sorted(set(given or {}) - set(known))
    if unknown:
        keys = " and ".join(f"'{name}'" for name in known)
        plural = "keys" if len(known) > 1 else "key"
        raise ValueError(f"`options`: expected the {plural} {keys} only, got {unknown}. Drop it.")
    return dict(given or {})


def under_way(episode: T | None, end: str | None = None) -> T:
    """Return ``episode`` when there is one that has not come to an ``end``, else ask for a reset.

    Raises:
        gymnasium.error.ResetNeeded: where there is none, or it has ended.
    """
    if episode is None or end is not None:
        got = "none" if episode is None else f"one that ended {end}"
        raise gym.error.ResetNeeded(
            f"`step`: expected an episode under way, got {got}. Call env.reset() to start one."
        )
    return episode


def render_mode(value: str | None, modes: Sequence[str]) -> str | None:
    """Return ``value`` when it is None or one of ``modes``, else raise ``ValueError``."""
    if value is not None and value not in modes:
        raise ValueError(
            f"`render_mode`: expected None or one of {modes}, got {value!r}. "
            "Leave it out not to render."
        )
    return value


def _items(argument: str, values: Any, expected: str) -> list[Any]:
    if not isinstance(values, Iterable):
        raise TypeError(f"`{argument}`: expected {expected}, got {values!r}. Pass a sequence.")
    return list(values)


def _integer(value: Any, message: str) -> int:
    try:
        return operator.index(value)
    except TypeError as error:
        raise TypeError(message) from error
