"""Planners, filters and learners as their class and arguments, where those are plain values."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, signature
from types import ModuleType
from typing import Any

from .plain import from_plain, to_plain

MODEL = "model"


def recipe(part: Any, room: ModuleType) -> dict[str, Any] | None:
    """How to make an object of a public class again; ``None`` where that is not known.

    An argument is read from the attribute of its name. One that is the default need not be plain.

    Example:
        >>> from pyro_activeinf import planning
        >>> recipe(planning.OpenLoop(3), planning)["name"]
        'OpenLoop'
    """
    name = type(part).__name__
    if getattr(room, name, None) is not type(part):
        return None
    arguments: dict[str, Any] = {}
    for key, parameter in signature(type(part)).parameters.items():
        value = getattr(part, key, Parameter.empty)
        if key == MODEL or value is parameter.default is not Parameter.empty:
            continue
        value = sorted(value) if isinstance(value, frozenset) else value
        try:
            arguments[key] = to_plain(key, value)
        except TypeError:
            return None
    return {"name": name, "arguments": arguments}


def made(found: Mapping[str, Any] | None, room: ModuleType, **model: Any) -> Any:
    """The object that a recipe is of; ``None`` without one, or for a class that is not there."""
    kind = getattr(room, found["name"], None) if found else None
    if found is None or kind is None or found["name"] not in room.__all__:
        return None
    return kind(**model, **from_plain(found["arguments"]))
