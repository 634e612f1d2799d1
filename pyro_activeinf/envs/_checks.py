"""Checks of what a world is given: errors name the argument, what was expected and got, the fix."""

import operator
from collections.abc import Sequence
from numbers import Real
from typing import Any


def probability(argument: str, value: Any) -> float:
    """Return ``value`` as a float when it is a number from 0 to 1, else raise."""
    message = f"`{argument}`: expected a probability, got {value!r}. Pass a float from 0 to 1."
    if not isinstance(value, Real):
        raise TypeError(message)
    number = float(value)
    if not 0 <= number <= 1:
        raise ValueError(message)
    return number


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


def render_mode(value: str | None, modes: Sequence[str]) -> str | None:
    """Return ``value`` when it is None or one of ``modes``, else raise ``ValueError``."""
    if value is not None and value not in modes:
        raise ValueError(
            f"`render_mode`: expected None or one of {modes}, got {value!r}. "
            "Leave it out not to render."
        )
    return value


def _integer(value: Any, message: str) -> int:
    try:
        return operator.index(value)
    except TypeError as error:
        raise TypeError(message) from error
