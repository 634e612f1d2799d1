"""Tables that follow their program: compiled once, and again when a parameter changes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .._checks import complain
from .program import Programs, compile_habit, compile_preferences, compile_program, depends_on_step
from .tables import Table, Tables

_PLAIN = (int, float, str, bool, type(None))


class Compiled:
    """The tables of a program, kept until a tensor or number that the program holds changes.

    Gradients flow through the tables to the program's parameters. A backward pass frees the graph
    behind them, so that they are compiled anew afterwards.
    """

    def __init__(self, programs: Programs) -> None:
        refuse_random_parameters(programs)
        self.programs = programs
        self._key: tuple[Any, ...] | None = None
        self._tables: Tables | None = None
        self._preferences: dict[int, tuple[Table, ...]] = {}
        self._habit: dict[str, Tensor] | None = None

    @property
    def tables(self) -> Tables:
        """The tables as of now; the same object as long as nothing has changed."""
        key = fingerprint(self.programs)
        if self._tables is None or key != self._key:
            self._tables = compile_program(self.programs)
            self._key, self._preferences, self._habit = key, {}, None
            self._watch(self._tables.tensors)
        return self._tables

    def preferences(self, step: int) -> tuple[Table, ...]:
        """Tables of the log-preferences at a time step."""
        outcomes = self.tables.outcomes
        step = step if depends_on_step(self.programs) else 0
        if step not in self._preferences:
            found = compile_preferences(self.programs, outcomes, step)
            self._watch(tuple(t.log_probs for t in found))
            self._preferences[step] = found
        return self._preferences[step]

    def habit(self) -> dict[str, Tensor]:
        """Log-probabilities of the sites of ``habit``."""
        controls = self.tables.controls
        if self._habit is None:
            self._habit = compile_habit(self.programs, controls)
            self._watch(tuple(self._habit.values()))
        return self._habit

    def _watch(self, tensors: tuple[Tensor, ...]) -> None:
        for tensor in tensors:
            if tensor.requires_grad:
                tensor.register_hook(self._forget)

    def _forget(self, gradient: Tensor) -> None:
        self._key = None


def fingerprint(programs: Any) -> tuple[Any, ...]:
    """Changes whenever a tensor or plain value that a program holds does (lists, dicts too)."""
    owners = programs.modules() if isinstance(programs, nn.Module) else [programs]
    held = [entry for owner in owners for entry in _entries("", vars(owner))]
    return (torch.is_grad_enabled(), *held)


def _entries(name: str, value: Any) -> list[tuple[Any, ...]]:
    if isinstance(value, Tensor):
        return [(name, _Same(value), value._version)]
    if isinstance(value, _PLAIN):
        return [(name, value)]
    if isinstance(value, dict):
        return [entry for key, held in value.items() for entry in _entries(key, held)]
    if isinstance(value, list | tuple):
        return [entry for held in value for entry in _entries(name, held)]
    return []


class _Same:
    """Equal to nothing but the same object, which it keeps alive so that no other takes its id."""

    __hash__ = object.__hash__

    def __init__(self, value: Tensor) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value


def refuse_random_parameters(programs: Any) -> None:
    """Raise ``ValueError`` where an attribute is a ``PyroSample``: tables need its value."""
    modules = programs.modules() if isinstance(programs, nn.Module) else []
    for module in modules:
        for name in getattr(module, "_pyro_samples", {}):
            raise ValueError(
                complain(
                    name,
                    "a value",
                    "a PyroSample (a random parameter)",
                    f"Tables hold for one value: set model.{name} = tensor first, or infer it "
                    "with NUTS or SVI on model(observations, actions).",
                )
            )
