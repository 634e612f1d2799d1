"""The data of each step: all of it, or some of its rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from pyro import poutine
from pyro.poutine.messenger import Messenger
from torch import Tensor

from .._checks import complain, positive_int
from .locality import local_parameters
from .random_state import kept

Arguments = tuple[Any, ...]


def arguments(data: Any) -> Arguments:
    """What model and guide are called with: a tuple as it is, anything else alone.

    Example:
        >>> arguments({"seen": [1]}), arguments((2, 3))
        (({'seen': [1]},), (2, 3))
    """
    given = data if isinstance(data, tuple) else (data,)
    return tuple(_mapped(_as_tensor, part) for part in given)


def _as_tensor(leaf: Any) -> Any:
    return torch.as_tensor(leaf) if isinstance(leaf, np.ndarray) else leaf


def _mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _mapped(function, value) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        return type(tree)(_mapped(function, value) for value in tree)
    return function(tree)


def _tensors(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, tuple | list):
        for value in tree:
            yield from _tensors(value)
    elif isinstance(tree, Tensor):
        yield tree


class Batches(ABC):
    """What model and guide see at each step, as a function of the step alone."""

    per_epoch: int
    seed = 0

    @abstractmethod
    def at(self, step: int) -> Arguments:
        """The arguments of a step."""

    @abstractmethod
    def scaled(self) -> Any:
        """A context in which the free energy is that of all data."""

    @abstractmethod
    def state(self) -> dict[str, int]:
        """Plain numbers that say which rows come when."""

    def resume(self, state: Mapping[str, int]) -> None:
        """Go on with the rows of a state; ``ValueError`` where it is of other data."""
        sizes = {k: v for k, v in self.state().items() if k != "seed"}
        saved = {k: v for k, v in state.items() if k != "seed"}
        if sizes != saved:
            raise ValueError(
                complain("checkpoint", f"a run over data with {sizes or 'no batches'}", saved)
            )
        self.seed = state.get("seed", 0)


class Whole(Batches):
    """All data at every step."""

    per_epoch = 1

    def __init__(self, args: Arguments) -> None:
        self._args = args

    def at(self, step: int) -> Arguments:
        """The same arguments at every step."""
        return self._args

    @contextmanager
    def scaled(self) -> Iterator[None]:
        """As it is."""
        yield

    def state(self) -> dict[str, int]:
        """Nothing."""
        return {}


class Minibatches(Batches):
    r"""Rows of the first dim of every tensor, in an order that is new in each epoch.

    .. math:: F \approx F_{shared} + \frac{N}{B} \sum_{n \in batch} F_n

    Sites in plates that have one element for each row count N / B times, others once. Rows that
    are left over when an epoch is cut into batches wait for the next one.

    Args:
        args: all data.
        batch_size: number of rows B.
        seed: of the orders.
        model: a plate over the rows is looked for in it.

    Raises:
        ValueError: for tensors of different lengths, more rows than there are, or a model without
            a plate over the rows.
    """

    def __init__(self, args: Arguments, batch_size: int, seed: int, model: Any) -> None:
        self._args, self.batch_size, self.seed = args, positive_int("batch_size", batch_size), seed
        self.rows = _rows(args)
        if batch_size > self.rows:
            raise ValueError(complain("batch_size", f"at most {self.rows} rows", batch_size))
        self.per_epoch = self.rows // batch_size
        self._order: tuple[int, Tensor] | None = None
        self._scale = Scaled(frozenset(), self.rows / batch_size)
        if batch_size < self.rows:
            self._scale.plates = self.plates(model, batch_size)

    def at(self, step: int) -> Arguments:
        """The rows of a step."""
        epoch, place = divmod(step, self.per_epoch)
        return self._some(self._epoch(epoch)[place * self.batch_size :][: self.batch_size])

    def scaled(self) -> Messenger:
        """Weights the sites of each row."""
        return self._scale

    def state(self) -> dict[str, int]:
        """The sizes, and the seed of the orders."""
        return {"rows": self.rows, "batch_size": self.batch_size, "seed": self.seed}

    def _some(self, rows: Tensor) -> Arguments:
        return taken(self._args, rows)

    def _epoch(self, number: int) -> Tensor:
        key = (self.seed + number) % 2**63
        if self._order is None or self._order[0] != key:
            generator = torch.Generator().manual_seed(key)
            self._order = key, torch.randperm(self.rows, generator=generator)
        return self._order[1]

    def plates(self, model: Any, few: int) -> frozenset[str]:
        """Plates that grow with the number of rows: seen in two quiet runs of the model."""
        found = [_plate_sizes(model, self._some(torch.arange(n))) for n in (few, few + 1)]
        rows = frozenset(p for p, n in found[0].items() if n == few and found[1].get(p) == few + 1)
        if not rows:
            raise ValueError(
                complain(
                    "model",
                    "a plate with an element for each row of the data",
                    f"plates of sizes {found[0]}",
                    "Write `with pyro.plate('rows', len(x)):`, or leave batch_size out and "
                    "subsample in the model: `pyro.plate('rows', size, subsample_size=..)`.",
                )
            )
        return rows


def taken(args: Arguments, rows: Tensor | slice) -> Arguments:
    """Some rows of all tensors."""
    return tuple(
        _mapped(lambda leaf: leaf[rows] if isinstance(leaf, Tensor) else leaf, part)
        for part in args
    )


def _rows(args: Arguments) -> int:
    sizes = {tuple(t.shape[:1]) for t in _tensors(args)}
    if len(sizes) != 1 or () in sizes:
        got = f"first dims {sorted(sizes)}"
        raise ValueError(complain("data", "tensors with one number of rows", got))
    return int(next(iter(sizes))[0])


class _PlateSizes(Messenger):
    """Notes the size of every plate that a sample statement is in."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: dict[str, int] = {}

    def _pyro_sample(self, msg: Any) -> None:
        self.sizes |= {frame.name: frame.size for frame in msg["cond_indep_stack"]}


def _plate_sizes(model: Any, args: Arguments) -> dict[str, int]:
    sizes = _PlateSizes()
    with kept(), torch.no_grad(), local_parameters(model), poutine.block(), sizes:
        model(*args)
    return sizes.sizes


class Scaled(Messenger):
    """Multiplies the scale of the sites in some plates."""

    def __init__(self, plates: frozenset[str], factor: float) -> None:
        super().__init__()
        self.plates, self.factor = plates, factor

    def _pyro_sample(self, msg: Any) -> None:
        if any(frame.name in self.plates for frame in msg["cond_indep_stack"]):
            msg["scale"] = msg["scale"] * self.factor
