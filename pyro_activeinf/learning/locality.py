"""Parameters of modules stay in the modules."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pyro
from pyro import poutine
from torch import nn


@contextmanager
def local_parameters(*programs: Any) -> Iterator[None]:
    """Within, Pyro keeps parameters of modules in them, not in its global store.

    That is Pyro's setting ``module_local_params``, also for modules that were made without it.
    """
    for context in _contexts(programs):
        context.param_state = getattr(context, "param_state", None) or _nothing()
    with pyro.settings.context(module_local_params=True):
        yield


def forget_stray_parameters(*programs: Any) -> None:
    """Forget param statements of functions that modules have run."""
    for context in _contexts(programs):
        context.param_state = _nothing()


def _contexts(programs: Iterable[Any]) -> list[Any]:
    """Where Pyro notes the param statements within modules."""
    parts = [part for p in programs for module in _modules(p) for part in module.modules()]
    found = (getattr(part, "_pyro_context", None) for part in parts)
    return [context for context in found if context is not None]


def _modules(program: Any) -> list[nn.Module]:
    """The modules that a program is, is a method of, was made for, or names."""
    model: Any = getattr(program, "model", None)
    found = [program, getattr(program, "__self__", None), poutine.unwrap(model)]
    if inspect.isfunction(program):
        names = inspect.getclosurevars(program)
        found += [*names.nonlocals.values(), *names.globals.values()]
    return [module for module in found if isinstance(module, nn.Module)]


def _nothing() -> dict[str, Any]:
    return {"params": {}, "constraints": {}}
