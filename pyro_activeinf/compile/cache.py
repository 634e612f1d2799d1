"""Tables that follow their program: compiled once, and again when a parameter changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyro
import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor, nn

from .._checks import complain
from .enumerate import HANDLERS
from .program import Programs, compile_habit, compile_preferences, compile_program, depends_on_step
from .tables import Table, Tables

# What every module has besides the tensors and modules that it holds: hooks and the like.
_INTERNAL = frozenset(vars(nn.Module())) - {"_parameters", "_buffers", "_modules"}


class Compiled:
    """The tables of a program, kept until something that the program holds changes.

    That is, see :class:`Snapshot`, what its attributes hold, and the ``pyro.param`` that it
    reads; a change through ``tensor.data`` or of a global variable is not seen. Gradients flow
    through the tables to the program's parameters. A backward pass frees the graph behind them,
    so that they are compiled anew afterwards.
    """

    def __init__(self, programs: Programs) -> None:
        refuse_random_parameters(programs)
        self.programs = programs
        self._params = _ParamNames()
        self._seen: Snapshot | None = None
        self._mode: tuple[Any, ...] = ()
        self._tables: Tables | None = None
        self.stationary = not depends_on_step(programs)  # preferences are the same at every step
        self._preferences: dict[int, tuple[Table, ...]] = {}
        self._habit: dict[str, Tensor] | None = None

    @property
    def tables(self) -> Tables:
        """The tables as of now; the same object as long as nothing has changed."""
        if self._tables is None or not self._fresh():
            with HANDLERS, self._params:
                self._tables = compile_program(self.programs)
            self._preferences, self._habit = {}, None
            self.stationary = not depends_on_step(self.programs)
            self._look()
            self._watch(self._tables.tensors)
        return self._tables

    def preferences(self, step: int) -> tuple[Table, ...]:
        """Tables of the log-preferences at a time step."""
        outcomes = self.tables.outcomes
        step = 0 if self.stationary else step
        if step not in self._preferences:
            with HANDLERS, self._params:
                found = compile_preferences(self.programs, outcomes, step)
            self._look()
            self._watch(tuple(t.log_probs for t in found))
            self._preferences[step] = found
        return self._preferences[step]

    def habit(self) -> dict[str, Tensor]:
        """Log-probabilities of the sites of ``habit``."""
        controls = self.tables.controls
        if self._habit is None:
            with HANDLERS, self._params:
                self._habit = compile_habit(self.programs, controls)
            self._look()
            self._watch(tuple(self._habit.values()))
        return self._habit

    def _look(self) -> None:
        self._seen, self._mode = Snapshot(self.programs), self._now()

    def _fresh(self) -> bool:
        return self._seen is not None and self._now() == self._mode and self._seen.holds()

    def _now(self) -> tuple[Any, ...]:
        return (torch.is_grad_enabled(), *self._params.held())

    def _watch(self, tensors: tuple[Tensor, ...]) -> None:
        for tensor in tensors:
            if tensor.requires_grad:
                tensor.register_hook(self._forget)

    def _forget(self, gradient: Tensor) -> None:
        self._seen = None


class _ParamNames(Messenger):
    """Notes which entries of Pyro's parameter store a program reads."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self._alive: list[Tensor] = []

    def _pyro_param(self, msg: Any) -> None:
        self.names.add(msg["name"])

    def held(self) -> list[Any]:
        if not self.names:
            return []
        store = pyro.get_param_store().named_parameters()
        found = {name: value for name, value in store if name in self.names}
        self._alive = [part for value in found.values() for part in (value, value.detach())]
        return [(name, id(value), _state(value)) for name, value in found.items()]


class Snapshot:
    """What an object holds at one moment: tensors, arrays and plain values, however nested.

    Looks into modules, dataclasses, lists, dicts and the like; of other objects it sees only
    whether they are still the same. Everything seen is kept alive, so that identity can be told.
    """

    def __init__(self, root: Any) -> None:
        self._stores: list[tuple[Any, list[int]]] = []
        self._tensors: list[tuple[Tensor, tuple[Any, ...]]] = []
        self._arrays: list[tuple[Any, bytes]] = []
        self._alive: list[Any] = []
        self._visit(root if isinstance(root, nn.Module) else _attributes(root), set())

    def holds(self) -> bool:
        """Whether nothing has changed since."""
        return (
            all(_ids(store) == ids for store, ids in self._stores)
            and all(_state(tensor) == state for tensor, state in self._tensors)
            and all(array.tobytes() == held for array, held in self._arrays)
        )

    def _visit(self, value: Any, seen: set[int]) -> None:
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, Tensor):
            self._tensors.append((value, _state(value)))
            self._alive.append(value.detach())  # so that no other numbers take its address
        elif isinstance(value, np.ndarray):
            self._arrays.append((value, value.tobytes()))
        elif isinstance(value, dict | list | tuple | set | frozenset | Mapping):
            self._stores.append((value, _ids(value)))
            parts = [*value.values(), *value] if isinstance(value, Mapping) else list(value)
            self._alive.append(parts)
            for part in parts:
                self._visit(part, seen)
        elif isinstance(value, nn.Module):
            self._stores.append((vars(value), _ids(vars(value))))
            self._alive.append(list(vars(value).values()))
            for name, part in vars(value).items():
                if name not in _INTERNAL:
                    self._visit(part, seen)
        elif _is_plain_object(value):
            self._visit(_attributes(value), seen)


def _is_plain_object(value: Any) -> bool:
    """Whether a value is an instance of a class of the user's own, to be looked into."""
    home = type(value).__module__.partition(".")[0]
    known = {"builtins", "torch", "pyro", "numpy", "gymnasium", "functools", "types"}
    return home not in known and not callable(value)


def _attributes(value: Any) -> Any:
    """What an object holds: its dict, or the values of its slots as of now."""
    if hasattr(value, "__dict__"):
        return vars(value)
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return [getattr(value, name, None) for name in slots]


def _ids(store: Any) -> list[int]:
    return list(map(id, store.values() if isinstance(store, Mapping) else store))


def _state(tensor: Tensor) -> tuple[Any, ...]:
    """Differs when the numbers of a tensor may."""
    version = None if tensor.is_inference() else tensor._version
    try:
        address = tensor.data_ptr()
    except RuntimeError:  # a tensor of torch.func has no address
        address = 0
    return (version, address, tensor.requires_grad, tensor.dtype, tensor.device)


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
