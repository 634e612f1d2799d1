"""The state of the generators that programs draw from: torch, NumPy and Python."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def get() -> dict[str, Any]:
    """The states as tensors and numbers.

    Example:
        >>> state = get()
        >>> first = torch.rand(()), random.random()
        >>> put(state)
        >>> (torch.rand(()), random.random()) == first
        True
    """
    version, words, gauss = random.getstate()
    name, key, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002, the global one
    return {
        "torch": torch.get_rng_state(),
        "python": [version, torch.tensor(words), gauss],
        "numpy": [name, torch.from_numpy(np.asarray(key, np.int64)), position, has_gauss, cached],
    }


def put(state: Mapping[str, Any]) -> None:
    """Bring back states that :func:`get` has returned."""
    version, words, gauss = state["python"]
    name, key, position, has_gauss, cached = state["numpy"]
    torch.set_rng_state(state["torch"])
    random.setstate((version, tuple(words.tolist()), gauss))
    array = key.numpy().astype(np.uint32)
    np.random.set_state((name, array, position, has_gauss, cached))  # noqa: NPY002


@contextmanager
def kept() -> Iterator[None]:
    """Afterwards the generators are as they were."""
    state = get()
    try:
        yield
    finally:
        put(state)
