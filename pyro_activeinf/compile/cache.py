"""Tables that follow their program: compiled once, and again when a parameter changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from itertools import chain
from operator import attrgetter, is_
from types import TracebackType
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


KEPT_STEPS = 512  # time steps whose preferences are kept

_NUMBERED = attrgetter("_version", "requires_grad")
_LOOKED_AT: ContextVar[set[int] | None] = ContextVar("looked_at", default=None)


class Settled:
    """A block within which no program changes: each is looked at once, when it is first needed.

    It holds for the thread (or task) that enters it.

    Example:
        >>> with Settled():
        ...     pass  # predict, update, plan
    """

    def __enter__(self) -> None:
        outer = _LOOKED_AT.get()
        self._token = _LOOKED_AT.set(set() if outer is None else outer)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        _LOOKED_AT.reset(self._token)


class Followed:
    """Programs that are watched: what was made of them holds until something in them changes.

    That is, see :class:`Snapshot`, what its attributes hold, and the ``pyro.param`` that it
    reads; a change through ``tensor.data`` or of a global variable is not seen. A backward pass
    frees the graph behind tensors that gradients flow through, so that they are made anew.
    """

    def __init__(self, programs: Programs) -> None:
        refuse_random_parameters(programs)
        self.programs = programs
        self._params = _ParamNames()
        self._seen: Snapshot | None = None
        self._mode: tuple[Any, ...] = ()

    def _look(self) -> None:
        self._seen, self._mode = Snapshot(self.programs), self._now()

    def _fresh(self) -> bool:
        if self._seen is None:
            return False
        looked_at = _LOOKED_AT.get()
        if looked_at is not None and id(self) in looked_at:
            return True
        fresh = self._now() == self._mode and self._seen.holds()
        if fresh and looked_at is not None:
            looked_at.add(id(self))
        return fresh

    def _now(self) -> tuple[Any, ...]:
        return (torch.is_grad_enabled(), self._params.names and self._params.held())

    def _watch(self, tensors: Iterable[Tensor]) -> None:
        for tensor in tensors:
            if tensor.requires_grad:
                tensor.register_hook(self._forget)

    def _forget(self, gradient: Tensor) -> None:
        self._seen = None


class Compiled(Followed):
    """The tables of a program, kept until something that the program holds changes.

    Gradients flow through the tables to the program's parameters.
    """

    def __init__(self, programs: Programs) -> None:
        super().__init__(programs)
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
        kept = self._preferences
        found = kept.get(step)
        if found is None:
            with HANDLERS, self._params:
                found = compile_preferences(self.programs, outcomes, step)
            self._look()
            self._watch(tuple(t.log_probs for t in found))
            while len(kept) >= KEPT_STEPS:
                kept.pop(next(iter(kept)), None)
            kept[step] = found
        return found

    def habit(self) -> dict[str, Tensor]:
        """Log-probabilities of the sites of ``habit``."""
        controls = self.tables.controls
        found = self._habit
        if found is None:
            with HANDLERS, self._params:
                found = compile_habit(self.programs, controls)
            self._look()
            self._watch(tuple(found.values()))
            self._habit = found
        return found


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
        self._stores: list[Any] = []
        self._views: list[Iterable[Any]] = []  # of what is in them, which show later changes
        self._modules: list[_Attributes] = []
        self._tensors: list[Tensor] = []
        self._arrays: list[Any] = []
        self._alive: list[Any] = []
        self._visit(root if isinstance(root, nn.Module) else _attributes(root), set())
        self._lengths = list(map(len, self._stores))
        self._parts = list(chain.from_iterable(self._views))
        self._states = _states(self._tensors)
        self._contents = [array.tobytes() for array in self._arrays]

    def holds(self) -> bool:
        """Whether nothing has changed since."""
        return (
            list(map(len, self._stores)) == self._lengths
            and all(map(is_, chain.from_iterable(self._views), self._parts))
            and all(map(_Attributes.hold, self._modules))
            and _states(self._tensors) == self._states
            and [array.tobytes() for array in self._arrays] == self._contents
        )

    def _visit(self, value: Any, seen: set[int]) -> None:
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, Tensor):
            self._tensors.append(value)
            self._alive.append(value.detach())  # so that no other numbers take its address
        elif isinstance(value, np.ndarray):
            self._arrays.append(value)
        elif isinstance(value, tuple | frozenset):  # cannot change, but for its parts
            self._alive.append(value)
            self._visit_all(value, seen)
        elif isinstance(value, dict | list | set | Mapping):
            self._keep(value)
            self._visit_all(
                [*value.values(), *value] if isinstance(value, Mapping) else value, seen
            )
        elif isinstance(value, nn.Module):
            attributes = _Attributes(value)
            self._modules.append(attributes)
            self._visit_all(attributes.held, seen)
        elif _is_plain_object(value):
            self._visit(_attributes(value), seen)

    def _visit_all(self, parts: Iterable[Any], seen: set[int]) -> None:
        for part in parts:
            self._visit(part, seen)

    def _keep(self, store: Any) -> None:
        self._stores.append(store)
        self._views.append(store.values() if isinstance(store, Mapping) else store)
        if isinstance(store, Mapping):
            self._alive.append(list(store))


class _Attributes:
    """The attributes of a module, but for those that every module has."""

    def __init__(self, module: nn.Module) -> None:
        self._all = vars(module)
        self._names = [name for name in self._all if name not in _INTERNAL]
        self._count = len(self._all)
        self.held = [self._all[name] for name in self._names]

    def hold(self) -> bool:
        """Whether they are still the same."""
        return len(self._all) == self._count and all(
            map(is_, map(self._all.get, self._names), self.held)
        )


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


def _states(tensors: Iterable[Tensor]) -> list[Any]:
    """Differs when the numbers of a tensor may: versions, addresses, and what gradients need."""
    try:
        return [*map(_NUMBERED, tensors), *map(Tensor.data_ptr, tensors)]
    except RuntimeError:  # a tensor of inference mode or of torch.func
        return list(map(_state, tensors))


def _state(tensor: Tensor) -> tuple[Any, ...]:
    version = None if tensor.is_inference() else tensor._version
    try:
        address = tensor.data_ptr()
    except RuntimeError:  # a tensor of torch.func has no address
        address = 0
    return (version, address, tensor.requires_grad)


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
                    f"This filter holds for one value: set model.{full} = tensor first, take "
                    "filters.ParticleFilter, or infer it with NUTS or SVI on "
                    "model(observations, actions).",
                )
            )
