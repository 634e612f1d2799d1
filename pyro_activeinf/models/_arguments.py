"""Checks of what the models of worlds are given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from .._checks import complain

Cell = tuple[int, int]


def probability(argument: str, value: float) -> float:
    """Return ``value`` when it is a number from 0 to 1, else raise ``ValueError``."""
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(complain(argument, "a probability from 0 to 1", repr(value)))
    return float(value)


def numbers(argument: str, values: Sequence[float], names: Sequence[str]) -> Tensor:
    """Return ``values`` as a tensor when there is a finite number for each of ``names``."""
    found = torch.as_tensor(values, dtype=torch.get_default_dtype())
    if found.shape != (len(names),) or not bool(found.isfinite().all()):
        raise ValueError(complain(argument, f"a finite number for each of {list(names)}", values))
    return found


def cells(argument: str, values: Iterable[Sequence[int]], sizes: Cell) -> tuple[Cell, ...]:
    """Return ``values`` as pairs when they are different cells of a grid, else ``ValueError``."""
    pairs = [tuple(value) for value in values]
    inside = all(len(pair) == 2 and _inside(pair, sizes) for pair in pairs)
    if not inside or len(set(pairs)) != len(pairs):
        last = (sizes[0] - 1, sizes[1] - 1)
        raise ValueError(complain(argument, f"different cells from (0, 0) to {last}", pairs))
    return tuple((int(first), int(second)) for first, second in pairs)


def _inside(pair: Sequence[int], sizes: Cell) -> bool:
    return all(at == int(at) and 0 <= at < size for at, size in zip(pair, sizes, strict=True))
