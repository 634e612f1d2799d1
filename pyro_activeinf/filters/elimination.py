"""The most probable state of factors that share evidence, one factor eliminated at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import torch
from torch import Tensor

LIMIT_NUMBERS = 2**14  # in one bucket
LIMIT_ROWS = 2**22  # numbers held at a time, of several rows

Scope = tuple[int, ...]  # the factors that a table depends on


@dataclass(frozen=True)
class Bucket:
    """A step of the elimination: the tables to add up before a factor is maximized over."""

    factor: int
    others: Scope
    tables: tuple[int, ...]  # among those given and those that earlier buckets left

    @property
    def scope(self) -> Scope:
        """The order of the dims: the factor itself comes last."""
        return (*self.others, self.factor)


@lru_cache(maxsize=256)
def elimination(
    sizes: tuple[int, ...], scopes: tuple[Scope, ...], limit: int
) -> tuple[Bucket, ...]:
    """Plan which factor to eliminate when: always one that involves the fewest numbers.

    Tables that would need more than ``limit`` numbers together are maximized over apart, in
    several buckets of the same factor.

    Example:
        >>> [b.scope for b in elimination((2, 2, 2), ((0, 1), (1, 2)), 100)]
        [(1, 0), (2, 1), (2,)]
    """
    left = {i: frozenset(scope) for i, scope in enumerate(scopes)}
    buckets: list[Bucket] = []
    waiting = set(range(len(sizes)))
    while waiting:
        factor = min(waiting, key=lambda f: (_room(_neighbors(left, f), sizes), f))
        waiting.remove(factor)
        mine = [i for i, scope in left.items() if factor in scope]
        for tables in _mini_buckets({i: left.pop(i) for i in mine}, sizes, limit):
            others = frozenset().union(*tables.values()) - {factor}
            left[len(scopes) + len(buckets)] = others
            buckets.append(Bucket(factor, tuple(sorted(others)), tuple(tables)))
    return tuple(buckets)


def _neighbors(left: dict[int, frozenset[int]], factor: int) -> frozenset[int]:
    return frozenset().union(*(scope for scope in left.values() if factor in scope))


def _room(factors: frozenset[int], sizes: Sequence[int]) -> int:
    return math.prod(sizes[f] for f in factors)


def _mini_buckets(
    tables: dict[int, frozenset[int]], sizes: Sequence[int], limit: int
) -> list[dict[int, frozenset[int]]]:
    """Tables put together, the largest first, as long as their sum stays within the limit."""
    found: list[dict[int, frozenset[int]]] = []
    for i in sorted(tables, key=lambda i: -_room(tables[i], sizes)):
        for bucket in found:
            if _room(tables[i].union(*bucket.values()), sizes) <= limit:
                bucket[i] = tables[i]
                break
        else:
            found.append({i: tables[i]})
    return found


@torch.no_grad()
def most_probable(
    sizes: Sequence[int], scopes: Sequence[Scope], tables: Sequence[Tensor]
) -> tuple[list[Tensor], Tensor]:
    r"""Maximize a sum of tables, :math:`\max_s \sum_i T_i(s)`, by bucket elimination.

    Exact where no bucket outgrows a limit (2 ** 14 numbers), as in chains, trees and small loops;
    else a good guess, found in a time that stays linear in the number of tables.

    Args:
        sizes: number of values of each factor.
        scopes: for each table the factors of its dims; every factor occurs in one.
        tables: log-values ``(rows, *sizes of the scope)``.

    Returns:
        For each factor its value ``(rows)``, and an upper bound of the maximum ``(rows)``, which
        it equals where the elimination is exact.

    Reference: Dechter and Rish (2003), "Mini-buckets: a general scheme for bounded inference",
    Journal of the ACM 50.

    Example:
        >>> joint = torch.tensor([[[0.1, 0.5], [0.3, 0.1]]]).log()
        >>> values, bound = most_probable([2, 2], [(0, 1)], [joint])
        >>> [value.tolist() for value in values], round(bound.exp().item(), 6)
        ([[0], [1]], 0.5)
    """
    buckets = elimination(tuple(sizes), tuple(scopes), LIMIT_NUMBERS)
    numbers = sum(math.prod(sizes[f] for f in bucket.scope) for bucket in buckets)
    rows = max(1, LIMIT_ROWS // numbers)
    pieces = zip(*(table.split(rows) for table in tables), strict=True)
    found = [_eliminated(buckets, scopes, piece) for piece in pieces]
    values = [torch.cat([values[f] for values, _ in found]) for f in range(len(sizes))]
    return values, torch.cat([bound for _, bound in found])


def _eliminated(
    buckets: Sequence[Bucket], scopes: Sequence[Scope], tables: Sequence[Tensor]
) -> tuple[dict[int, Tensor], Tensor]:
    held = list(zip(scopes, tables, strict=True))
    totals = []
    for bucket in buckets:
        parts = [_spread(held[i][1], held[i][0], bucket.scope) for i in bucket.tables]
        totals.append(sum(parts[1:], parts[0]))
        held.append((bucket.others, totals[-1].amax(-1)))
    bounds = [table for scope, table in held if not scope]
    return _decoded(buckets, totals), sum(bounds[1:], bounds[0])


def _decoded(buckets: Sequence[Bucket], totals: Sequence[Tensor]) -> dict[int, Tensor]:
    """Each factor's best value given those of the factors that were eliminated after it."""
    values: dict[int, Tensor] = {}
    for factor, steps in groupby(reversed(range(len(buckets))), lambda i: buckets[i].factor):
        scores = [_looked_up(totals[i], [values[f] for f in buckets[i].others]) for i in steps]
        values[factor] = sum(scores[1:], scores[0]).argmax(-1)
    return values


def _spread(table: Tensor, scope: Scope, target: Scope) -> Tensor:
    """A table with a dim for each factor of ``target``, to broadcast."""
    kept = [f for f in target if f in scope]
    sizes = [table.shape[1 + scope.index(f)] if f in scope else 1 for f in target]
    return table.permute(0, *(1 + scope.index(f) for f in kept)).reshape(-1, *sizes)


def _looked_up(total: Tensor, given: Sequence[Tensor]) -> Tensor:
    """``total[row, *given[row], :]``, ``(rows, size)``."""
    return total[(torch.arange(len(total), device=total.device), *given)]
