"""A function of values, at many values."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

UNMAPPED = (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError)


def mapped(
    function: Callable[[Mapping[str, Tensor]], Tensor],
    values: Mapping[str, Tensor],
    randomness: str = "same",
    rows: int | None = None,
) -> Tensor:
    """Function values ``(count, *)`` at values ``(count, *value)``.

    Args:
        function: that is run once for all where it broadcasts; again and again where not.
        values: name to values.
        randomness: as for ``torch.vmap``.
        rows: that are looked at together.
    """
    try:
        with warnings.catch_warnings():  # of slow spots; the program's own were seen before
            warnings.simplefilter("ignore")
            many: Any = torch.vmap(function, randomness=randomness, chunk_size=rows)
            return many(dict(values))
    except UNMAPPED:
        count = len(next(iter(values.values())))
        return torch.stack([function({n: v[i] for n, v in values.items()}) for i in range(count)])
