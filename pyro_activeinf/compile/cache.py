"""Tables that follow their program: compiled once, and again when a parameter changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

import numpy as np
import pyro
import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor, nn

from .._checks import complain
from .program import Programs, compile_habit, compile_preferences, compile_program, depends_on_step
from .tables import Table, Tables

_PLAIN = (int, float, complex, str, bytes, type(None))


class Compiled:
    """The tables of a program, kept until something that the program holds changes.

    That is, see :func:`fingerprint`, what its attributes hold, and the ``pyro.param`` that it
    reads; a change through ``tensor.data`` or of a global variable is not seen. Gradients flow
    through the tables to the program's parameters. A backward pass frees the graph behind them,
    so that they are compiled anew afterwards.
    """

    def __init__(self, programs: Programs) -> None:
        refuse_random_parameters(programs)
        self.programs = programs
        self._params = _ParamNames()
        self._key: tuple[Any, ...] | None = None
        self._tables: Tables | None = None
        self._preferences: dict[int, tuple[Table, ...]] = {}
        self._habit: dict[str, Tensor] | None = None

    @property
    def tables(self) -> Tables:
        """The tables as of now; the same object as long as nothing has changed."""
        if self._tables is None or self._now() != self._key:
            with self._params:
                self._tables = compile_program(self.programs)
            self._key, self._preferences, self._habit = self._now(), {}, None
            self._watch(self._tables.tensors)
        return self._tables

    def preferences(self, step: int) -> tuple[Table, ...]:
        """Tables of the log-preferences at a time step."""
        outcomes = self.tables.outcomes
        step = step if depends_on_step(self.programs) else 0
        if step not in self._preferences:
            with self._params:
                found = compile_preferences(self.programs, outcomes, step)
            self._key = self._now()
            self._watch(tuple(t.log_probs for t in found))
            self._preferences[step] = found
        return self._preferences[step]

    def habit(self) -> dict[str, Tensor]:
        """Log-probabilities of the sites of ``habit``."""
        controls = self.tables.controls
        if self._habit is None:
            with self._params:
                self._habit = compile_habit(self.programs, controls)
            self._key = self._now()
            self._watch(tuple(self._habit.values()))
        return self._habit

    def _now(self) -> tuple[Any, ...]:
        return (torch.is_grad_enabled(), *self._params.held(), *fingerprint(self.programs))

    def _watch(self, tensors: tuple[Tensor, ...]) -> None:
        for tensor in tensors:
            if tensor.requires_grad:
                tensor.register_hook(self._forget)

    def _forget(self, gradient: Tensor) -> None:
        self._key = None


class _ParamNames(Messenger):
    """Notes which entries of Pyro's parameter store a program reads."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def _pyro_param(self, msg: Any) -> None:
        self.names.add(msg["name"])

    def held(self) -> Iterator[Any]:
        for name, value in pyro.get_param_store().named_parameters() if self.names else ():
            if name in self.names:
                yield from (name, _Same(value), value._version)


def fingerprint(programs: Any) -> tuple[Any, ...]:
    """Differs when a tensor, array or plain value that an object holds does.

    Looks into modules, dataclasses, lists, dicts and the like; of other objects it sees only
    whether they are still the same.
    """
    return tuple(_entries(vars(programs), set()))


def _entries(value: Any, seen: set[int]) -> Iterator[Any]:
    if isinstance(value, Tensor):
        yield from (_Same(value), value.requires_grad)
        yield None if value.is_inference() else value._version
    elif isinstance(value, np.ndarray):
        yield value.tobytes()
    elif isinstance(value, _PLAIN):
        yield value
    elif id(value) not in seen:
        seen.add(id(value))
        yield _Same(value)
        for part in _parts(value):
            yield from _entries(part, seen)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return [part for pair in value.items() for part in pair]
    if isinstance(value, list | tuple | set | frozenset):
        return value
    inside = isinstance(value, nn.Module) or is_dataclass(value)
    return [vars(value)] if inside and hasattr(value, "__dict__") else []


class _Same:
    """Equal to the same object with the same data, which it keeps alive: no other takes its id."""

    __hash__ = object.__hash__

    def __init__(self, value: Any) -> None:
        self.value = value
        self.data = value.detach() if isinstance(value, Tensor) else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Same) or self.value is not other.value:
            return False
        return self.data is None or other.data is None or _one_storage(self.data, other.data)


def _one_storage(a: Tensor, b: Tensor) -> bool:
    if (a.dtype, a.device, a.shape) != (b.dtype, b.device, b.shape):
        return False
    try:
        return a.data_ptr() == b.data_ptr()
    except RuntimeError:  # a tensor of torch.func has no address
        return True


def refuse_random_parameters(programs: Any) -> None:
    """Raise ``ValueError`` where an attribute is a ``PyroSample``: tables need its value."""
    modules = programs.named_modules() if isinstance(programs, nn.Module) else []
    for path, module in modules:
        for name in getattr(module, "_pyro_samples", {}):
            if name in vars(module):
                continue  # it was given a value since
            full = f"{path}.{name}".lstrip(".")
            raise ValueError(
                complain(
                    full,
                    "a value",
                    "a PyroSample (a random parameter)",
                    f"Tables hold for one value: set model.{full} = tensor first, or infer it "
                    "with NUTS or SVI on model(observations, actions).",
                )
            )
