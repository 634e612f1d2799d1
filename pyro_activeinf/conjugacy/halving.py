"""Products of many, in as many rounds as their number can be halved: parallel in time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Parts = tuple[Tensor, ...]  # each with the items along dim 0
Combine = Callable[[Parts, Parts], Parts]


def product(combine: Combine, items: Parts) -> Parts:
    """All items, combined in order by an associative operation: ``(1, ..)`` each.

    Neighbors are combined in pairs, all pairs at once, until one item is left.

    Example:
        >>> one = product(lambda a, b: (a[0] + b[0],), (torch.arange(5.0),))
        >>> one[0].tolist()
        [10.0]
    """
    while (count := len(items[0])) > 1:
        paired = combine(_every(items, 0, count - 1), _every(items, 1, count))
        odd = tuple(item[count - 1 :] for item in items) if count % 2 else None
        items = paired if odd is None else _cat(paired, odd)
    return items


def products(combine: Combine, items: Parts) -> Parts:
    """The products of the first one, the first two, .. of all items.

    Reference: Blelloch (1990), "Prefix sums and their applications".

    Example:
        >>> sums = products(lambda a, b: (a[0] + b[0],), (torch.arange(5.0),))
        >>> sums[0].tolist()
        [0.0, 1.0, 3.0, 6.0, 10.0]
    """
    count = len(items[0])
    if count < 2:
        return items
    paired = combine(_every(items, 0, count - 1), _every(items, 1, count))
    odd = products(combine, paired)
    before = odd if count % 2 else tuple(item[:-1] for item in odd)
    first = tuple(item[:1] for item in items)
    if not len(before[0]):
        return _interleaved(first, odd)
    even = _cat(first, combine(before, _every(items, 2, count)))
    return _interleaved(even, odd)


def _every(items: Parts, start: int, stop: int) -> Parts:
    return tuple(item[start:stop:2] for item in items)


def _cat(first: Parts, second: Parts) -> Parts:
    return tuple(torch.cat(pair) for pair in zip(first, second, strict=True))


def _interleaved(even: Parts, odd: Parts) -> Parts:
    """even[0], odd[0], even[1], ..; of odd there may be one less."""
    found = []
    for a, b in zip(even, odd, strict=True):
        pairs = torch.stack([a[: len(b)], b], 1).flatten(0, 1)
        found.append(torch.cat([pairs, a[len(b) :]]) if len(a) > len(b) else pairs)
    return tuple(found)
