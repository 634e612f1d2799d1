"""Linear recursions of all trials at once."""

from __future__ import annotations

import torch
from torch import Tensor


def recursion(factor: Tensor, term: Tensor) -> Tensor:
    r"""States of a linear recursion from 0, in a logarithmic number of steps.

    .. math:: x_t = a_t x_{t-1} + b_t, \qquad x_{-1} = 0

    Args:
        factor, term: a and b, ``(time, *)``.

    Returns:
        x, ``(time, *)``.

    Reference: G. Blelloch (1990), "Prefix sums and their applications".

    Example:
        >>> recursion(torch.full((4,), 0.5), torch.ones(4)).tolist()
        [1.0, 1.5, 1.75, 1.875]
    """
    return _composed(factor, term)[1]


def _composed(factor: Tensor, term: Tensor) -> tuple[Tensor, Tensor]:
    """The composed maps up to each time."""
    count = len(factor)
    if count == 1:
        return factor, term
    even = count - count % 2
    first, second = factor[0:even:2], factor[1:even:2]
    odd = _composed(first * second, second * term[0:even:2] + term[1:even:2])
    later, added = factor[2::2], term[2::2]
    before, at = (each[: len(later)] for each in odd)
    return (
        _woven(torch.cat([factor[:1], later * before]), odd[0]),
        _woven(torch.cat([term[:1], later * at + added]), odd[1]),
    )


def _woven(even: Tensor, odd: Tensor) -> Tensor:
    """Entries in turn; there may be one even more."""
    both = torch.stack([even[: len(odd)], odd], 1).flatten(0, 1)
    return torch.cat([both, even[len(odd) :]])
