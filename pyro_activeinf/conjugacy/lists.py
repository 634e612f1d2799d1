"""Which values a discrete site may have: all of them, or a window that holds what is likely."""

from __future__ import annotations

import math
from typing import Any

import pyro
import torch
from torch import Tensor
from torch.distributions import constraints

from .._checks import complain
from ..compile.enumerate import HANDLERS
from .family import DTYPE
from .listed import Listed

LONGEST = 2**12  # values of a list
NEGLIGIBLE = 1e-10  # probability beyond the ends of a window, given what others are believed to be
DEPTH = 50.0  # nats below the most likely value, where a prior ends at first


def listed_of(name: str, fn: Any, value: Tensor) -> Listed:
    """The list of a discrete site.

    Args:
        name: of the site.
        fn: its distribution in one run of the program, without ``Independent``.
        value: in that run.

    Raises:
        ValueError: where values cannot be listed.
    """
    support = _support(fn)
    if fn.event_shape:
        return Listed(_vectors(name, fn, support, value))
    return _window(name, fn, support, value)


def _support(fn: Any) -> Any:
    """That of a mixture is that of its components; of what says nothing, counts."""
    if isinstance(fn, torch.distributions.MixtureSameFamily):
        return _support(fn.component_distribution)
    try:
        found = fn.support
    except NotImplementedError:
        return constraints.nonnegative_integer
    while isinstance(found, constraints.independent):
        found = found.base_constraint
    return found


def is_discrete(fn: Any) -> bool:
    """Whether the values of a distribution can be listed, one after the other."""
    return bool(getattr(_support(fn), "is_discrete", False))


def _vectors(name: str, fn: Any, support: Any, value: Tensor) -> Tensor:
    """Values of vectors, ``(dim, k)``."""
    k = fn.event_shape[0]
    if support is constraints.one_hot:
        return torch.eye(k, dtype=DTYPE)
    total = int(value.sum(-1).max())
    if len(fn.event_shape) == 1 and hasattr(support, "upper_bound"):  # counts that add up
        if math.comb(total + k - 1, k - 1) <= LONGEST:
            return _compositions(total, k)
        expected, got = f"at most {LONGEST:,} values", f"all ways to split {total} into {k} counts"
        way_out = "Draw each of them from a Categorical, within a plate."
        raise ValueError(complain(name, expected, got, way_out))
    expected = "a latent site whose values can be listed"
    way_out = "Write it as several sites, of one number each."
    raise ValueError(complain(name, expected, type(fn).__name__, way_out))


def _compositions(total: int, k: int) -> Tensor:
    """All vectors of k counts that add up to a total."""
    if k == 1:
        return torch.full((1, 1), float(total), dtype=DTYPE)
    rows = []
    for first in range(total + 1):
        rest = _compositions(total - first, k - 1)
        rows.append(torch.cat([torch.full((len(rest), 1), float(first), dtype=DTYPE), rest], 1))
    return torch.cat(rows)


def _window(name: str, fn: Any, support: Any, value: Tensor) -> Listed:
    """Whole numbers from where the prior is negligible to where it is again."""
    lowest, highest = _bounds(support)
    low, high = float(value.min()), float(value.max())
    low, high = max(lowest, low - 8), min(highest, high + 8)
    while True:
        values = torch.arange(low, high + 1, dtype=DTYPE)
        logs = _log_probs(fn, values, value)
        deep = logs.amax(0) - DEPTH
        down, up = low > lowest and _above(logs[0], deep), high < highest and _above(logs[-1], deep)
        if not (down or up) or len(values) > LONGEST // 2:
            return Listed(values, _guess(logs), low - lowest, highest - high)
        low = max(lowest, low - len(values)) if down else low
        high = min(highest, high + len(values)) if up else high


def _above(logs: Tensor, deep: Tensor) -> bool:
    return bool((logs > deep).any())


def _bounds(support: Any) -> tuple[float, float]:
    low, high = getattr(support, "lower_bound", None), getattr(support, "upper_bound", None)
    if support is constraints.boolean:
        low, high = 0, 1
    return (
        -math.inf if low is None else float(torch.as_tensor(low).min()),
        math.inf if high is None else float(torch.as_tensor(high).max()),
    )


def _log_probs(fn: Any, values: Tensor, value: Tensor) -> Tensor:
    """Of each value, ``(dim, batch)``."""
    with HANDLERS, torch.no_grad(), pyro.validation_enabled(False):
        shaped = values.to(value.dtype).reshape(-1, *[1] * len(fn.batch_shape))
        logs = fn.log_prob(shaped.expand(-1, *fn.batch_shape)).to(DTYPE)
    return logs.reshape(len(values), -1)


def _guess(logs: Tensor) -> Tensor:
    """The average over a batch, without impossible values."""
    found = (logs.logsumexp(1) - math.log(logs.shape[1])).nan_to_num(-math.inf)
    return found.clamp_min(found.max() - 10 * DEPTH)


def wider(family: Listed) -> Listed:
    """A window of twice the size on each side that is open; the same where it is long enough."""
    if not family.open or 2 * family.dim > LONGEST:
        return family
    low, high = float(family.values[0]), float(family.values[-1])
    down, up = (min(family.dim, more) for more in (family.below, family.above))
    values = torch.arange(low - down, high + up + 1, dtype=DTYPE)
    found = Listed(values, None, family.below - down, family.above - up)
    return Listed(values, family.carried(family.neutral(), found), found.below, found.above)
