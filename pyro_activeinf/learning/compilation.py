"""Loss and gradients of a step from a graph that is traced once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import pyro
import torch
from torch import Tensor
from torch.fx import GraphModule

from .batches import Arguments
from .form import Form
from .gradients import Eager, Gradients, hand_over
from .tracing import traced

Run = Callable[..., Sequence[Tensor]]
Backend = Callable[[GraphModule, Sequence[Tensor]], Run]
UNTRACEABLE = (RuntimeError, TypeError, ValueError, AttributeError, KeyError, IndexError)
FEW = 10  # departures before compilation is given up, where they are most of the steps


class FallbackWarning(UserWarning):
    """Compilation was asked for, but steps are run as written."""


def inductor(graph: GraphModule, inputs: Sequence[Tensor]) -> Run:
    """Compile a graph with torch's inductor; random numbers are those of torch's generator."""
    from torch import _inductor

    options = {"fallback_random": True, "compile_threads": 1}
    return _inductor.compile(graph, list(inputs), options=options)


class Compiled(Gradients):
    """Traces the programs once, and runs what the backend makes of the graph.

    What a program decides by the values of tensors is held: where a later step would decide
    otherwise, where shapes change, or where the loss is no number, that step is run as written.

    Args:
        eager: what is compiled.
        args: an example of the arguments.
        backend: a compiler of graphs.

    Attributes:
        reason: why steps are not compiled; empty where they are.
        seconds: what tracing and compiling took.
        departures: number of steps that had to be run as written.
    """

    def __init__(self, eager: Eager, args: Arguments, backend: Backend = inductor) -> None:
        self.eager, self.program, self.leaves = eager, eager.program, eager.leaves
        self.reason, self.departures, self._calls = "", 0, 0
        self._form, self._uncounted = Form(args), torch.tensor(0)
        self._trained: list[Tensor] = []  # those that have a gradient
        self._run: Run | None = None
        start = perf_counter()
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")
            self.reason = self._compile(args, backend)
        self.seconds = perf_counter() - start
        if self.reason:
            self._warn(self.reason)

    def __call__(self, args: Arguments) -> tuple[Tensor | float, Tensor]:
        """The loss, and the norm of its gradient before it is clipped."""
        if self._run is None:
            return self._as_written(args)
        self._calls += 1
        tensors = self._form.tensors(args)
        if tensors is None:
            return self._departed(args, "arguments have other shapes than the example")
        before = torch.get_rng_state()
        with torch.no_grad():
            valid, loss, norm, *grads = self._run(*tensors, self._counter(), *self.leaves)
        if not valid or loss.isnan():
            torch.set_rng_state(before)
            return self._departed(args, "values lead the program elsewhere than the example")
        hand_over(self._trained, grads)
        if self.program.counter is not None:
            self.program.counter += 1
        return loss, norm

    def _as_written(self, args: Arguments) -> tuple[Tensor | float, Tensor]:
        with self.program.local():
            return self.eager(args)

    def _departed(self, args: Arguments, why: str) -> tuple[Tensor | float, Tensor]:
        self.departures += 1
        if self.departures == 1:
            self._warn(why)
        if self.departures > max(FEW, self._calls / 2):
            self.reason, self._run = f"{why}, as it is at most steps", None
            self._warn(self.reason)
        return self._as_written(args)

    def _warn(self, why: str) -> None:
        text = f"Steps are run as written, not compiled: {why}."
        warnings.warn(text, FallbackWarning, stacklevel=4)

    def _counter(self) -> Tensor:
        counter = self.program.counter
        return self._uncounted if counter is None else torch.tensor(counter)

    def _compile(self, args: Arguments, backend: Backend) -> str:
        """Trace, compile and try out; returns what stands against it."""
        try:
            with self.program.local():
                self._run = self._backed(args, backend)
        except UNTRACEABLE as error:
            self._run = None
            return f"the programs cannot be compiled, {_first_line(error)}"
        if self._agrees(args):
            return ""
        self._run = None
        return "the graph does not compute what the program does, which keeps a state of its own"

    def _backed(self, args: Arguments, backend: Backend) -> Run:
        inputs = [*(self._form.tensors(args) or []), self._counter()]
        with self.program.unchanged(), pyro.validation_enabled(False):
            graph = traced(self._flat, inputs, self.leaves)
        with torch.no_grad():
            return backend(graph, [*inputs, *(leaf.detach() for leaf in self.leaves)])

    def _flat(self, *tensors: Tensor) -> list[Tensor]:
        """Loss, norm and gradients as a function of tensors."""
        *inputs, counter = tensors
        self.program.counter = counter
        loss, norm = self.eager(self._form.arguments(inputs))
        self._trained = [leaf for leaf in self.leaves if leaf.grad is not None]
        return [torch.as_tensor(loss).detach(), norm, *_grads(self._trained)]

    def _agrees(self, args: Arguments) -> bool:
        """Whether one step has the same numbers both ways."""
        expected, found = (self._tried(way, args) for way in (self._as_written, self))
        return self.departures == 0 and all(map(_close, expected, found))

    def _tried(self, way: Callable[[Arguments], Any], args: Arguments) -> list[Tensor]:
        with self.program.unchanged():
            loss, norm = way(args)
            return [torch.as_tensor(loss).detach(), norm, *_grads(self._trained)]


def _grads(leaves: Sequence[Tensor]) -> list[Tensor]:
    return [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]


def _close(expected: Tensor, found: Tensor) -> bool:
    tolerance = torch.finfo(found.dtype).eps ** 0.5
    size = tolerance * (1.0 + float(expected.abs().max()) if expected.numel() else 1.0)
    return torch.allclose(expected.to(found.dtype), found, rtol=tolerance, atol=size)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
