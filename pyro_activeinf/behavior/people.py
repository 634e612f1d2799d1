"""A function from parameters to agents that is called often: its tensors by a graph of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import is_
from types import CellType, FunctionType, SimpleNamespace
from typing import Any

import pyro
import torch
from torch import Tensor
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import disable_proxy_modes_tracing, get_proxy_mode
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from ..compile import Snapshot
from . import persons as by_vmap
from .graphs import graph_of
from .persons import Build, agreed, asked, below, chooser_of, functorch, laid_out, persons

LOG = logging.getLogger("pyro_activeinf")
PLAIN_CALLS = 5  # before a graph is worth it
KEPT_GRAPHS = 8
UNTRACEABLE = (RuntimeError, TypeError, ValueError, AttributeError, KeyError, IndexError)


class People:
    """All persons by a function for one.

    Where it is called again with parameters of the same shapes, the tensors that it makes of
    them come from a graph of its operations. What its Python code decides by the values of
    tensors is checked at each call, and so are the tensors and plain values that it holds on to
    (its closure, and what it names of its module); where they are others, it is run as written.

    Args:
        build: from parameters of one person, site to value ``(*event)``, to an agent.
        events: number of event dims of each site.
        kind: makes a frozen dataclass of tensors and constants of what the function returns.
    """

    def __init__(
        self, build: Build, events: Mapping[str, int], kind: Callable[[Any], Any] = chooser_of
    ) -> None:
        self.build, self.events, self.kind = build, events, kind
        self._calls: dict[Any, int] = {}
        self._graphs: dict[Any, _Graph | None] = {}
        self._held: list[Any] = []
        self._snapshot: Snapshot | None = None

    def __call__(self, parameters: Mapping[str, Tensor]) -> Any:
        """The persons, as of :func:`~.persons.persons`."""
        batch, flat = laid_out(parameters, self.events)
        if get_proxy_mode() is not None or any(
            map(functorch.is_functorch_wrapped_tensor, flat.values())
        ):
            return self._as_written(parameters)
        key = tuple((name, value.shape, value.dtype) for name, value in flat.items())
        self._look()
        if key not in self._graphs:
            made = self._as_written(parameters)
            self._calls[key] = self._calls.get(key, 0) + 1
            if self._calls[key] > PLAIN_CALLS:
                self._keep(key, self._traced(made, flat, len(batch)))
            return made
        graph = self._graphs[key]
        found = None if graph is None else graph(flat, batch)
        return self._as_written(parameters) if found is None else found

    def _as_written(self, parameters: Mapping[str, Tensor]) -> Any:
        return persons(self.build, parameters, self.events, self.kind)

    def _look(self) -> None:
        """Forget graphs where the function holds on to other things than before."""
        held = list(_held_by(self.build, set()))
        same = len(held) == len(self._held) and all(map(is_, held, self._held))
        if not (same and self._snapshot is not None and self._snapshot.holds()):
            self._held, self._snapshot = held, Snapshot(SimpleNamespace(held=held))
            self._graphs.clear()

    def _keep(self, key: Any, graph: _Graph | None) -> None:
        while len(self._graphs) >= KEPT_GRAPHS:
            self._graphs.pop(next(iter(self._graphs)))
        self._graphs[key] = graph

    def _traced(self, made: Any, flat: Mapping[str, Tensor], dims: int) -> _Graph | None:
        """A graph that makes what the function has just made; ``None`` where there is none."""
        try:
            with pyro.validation_enabled(False):
                graph = _Graph.of(self.build, self.kind, made, flat)
        except UNTRACEABLE as error:
            LOG.info("The function from parameters to agents is run as written: %s", error)
            return None
        found = graph(flat, (len(next(iter(flat.values()))),))
        same = found is not None and _alike(found, made, dims)
        return graph if same else None


@dataclass(frozen=True)
class _Graph:
    """What becomes of parameters."""

    module: GraphModule
    made: Any  # whose constants it shares
    spec: Any  # of the tensors that it makes

    @classmethod
    def of(cls, build: Build, kind: Any, made: Any, flat: Mapping[str, Tensor]) -> _Graph:
        """Write down the operations on tensors."""
        names, specs = list(flat), []

        def run(*values: Tensor) -> list[Tensor]:
            with Noting() as noting:
                found = torch.func.vmap(
                    lambda one: by_vmap.tensors_of(kind(build(one))), randomness="same"
                )(dict(zip(names, values, strict=True)))
            leaves, spec = pytree.tree_flatten(found)
            specs.append(spec)
            return [noting.valid, *leaves]

        return cls(graph_of(run, list(flat.values())), made, specs[-1])

    def __call__(self, flat: Mapping[str, Tensor], batch: Sequence[int]) -> Any:
        """The persons, ``None`` where the graph does not hold for their parameters."""
        valid, *leaves = self.module(*(value.contiguous() for value in flat.values()))
        if not bool(valid):
            return None
        whole = [leaf.unflatten(0, tuple(batch)) for leaf in leaves]
        return replace(self.made, **pytree.tree_unflatten(whole, self.spec))


class Noting(TorchFunctionMode):
    """Questions that Python asks of tensors are answered as in the example, and noted."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Tensor] = []

    @property
    def valid(self) -> Tensor:
        """Whether the answers are those of the example."""
        return torch.stack([torch.ones((), dtype=torch.bool), *self.held]).all()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Answer questions; pass everything else on."""
        if not (args and isinstance(args[0], Tensor) and asked(func)):
            return func(*args, **(kwargs or {}))
        inner = below(args[0])
        known = by_vmap.known(func, args[0], inner, True)
        if known is not None:
            return known[0]
        with disable_proxy_modes_tracing():
            answer = agreed(func, inner.detach().clone())
        self.held.append((inner.detach() == answer).all())
        return answer


def _alike(first: Any, second: Any, dims: int) -> bool:
    """Whether two have the same tensors; ``second`` with its batch dims."""
    one, two = (pytree.tree_flatten(by_vmap.tensors_of(made)) for made in (first, second))
    return one[1] == two[1] and all(
        torch.allclose(a, b.flatten(0, dims - 1), equal_nan=True)
        for a, b in zip(one[0], two[0], strict=True)
    )


def _held_by(function: Any, seen: set[int]) -> Iterator[Any]:
    """What a function holds on to: its closure and defaults, and what it names of its module."""
    if id(function) in seen:
        return
    seen.add(id(function))
    owner = getattr(function, "__self__", None)
    if owner is not None:
        yield owner
        function = getattr(function, "__func__", function)
    if not isinstance(function, FunctionType):
        yield function
        return
    cells: Sequence[CellType] = function.__closure__ or ()
    names = function.__code__.co_names
    parts = [cell.cell_contents for cell in cells if _filled(cell)]
    parts += [function.__globals__[name] for name in names if name in function.__globals__]
    parts += list(function.__defaults__ or ()) + list((function.__kwdefaults__ or {}).values())
    for part in parts:
        yield from _held_by(part, seen)


def _filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
