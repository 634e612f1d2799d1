"""Coordinate ascent over marginals that share evidence: sweeps, and what they achieve.

Tensors have a row for each member of a batch, then a dim for each start of the same member.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from .. import ops
from .products import product

RELATIVE = 1e-6  # differences in the probability of a contradiction that count as none


@dataclass(frozen=True)
class Shared:
    """Evidence on several factors, in one number or two for each of their joint states.

    These are log p(o | s), or 0 where it is minus infinity. Where that occurs, the second number
    is 1 there, and 0 elsewhere.
    """

    factors: tuple[int, ...]  # ascending
    numbers: Tensor  # (rows, *sizes of the factors, 1 or 2)

    @classmethod
    def of(cls, factors: tuple[int, ...], log_values: Tensor, has_zeros: bool) -> Shared:
        """Split log-likelihoods ``(rows, *sizes)``."""
        possible = log_values > -math.inf
        finite = torch.where(possible, log_values, 0.0)
        parts = [finite, (~possible).to(finite)] if has_zeros else [finite]
        return cls(factors, torch.stack(parts, -1))

    @cached_property
    def views(self) -> dict[int, Tensor]:
        """The numbers as each factor meets them: ``(rows, joint of others, size * numbers)``."""
        count = len(self.factors)
        return {
            f: self.numbers.movedim(1 + i, -2).flatten(1, count - 1).flatten(-2)
            for i, f in enumerate(self.factors)
        }

    def seen_by(self, factor: int, probs: Sequence[Tensor]) -> Tensor:
        """The numbers expected by the others: ``(rows, starts, size, numbers)``."""
        others = product([probs[f] for f in self.factors if f != factor])
        return (others @ self.views[factor]).unflatten(-1, (-1, self.numbers.shape[-1]))

    def expected(self, probs: Sequence[Tensor]) -> Tensor:
        """The numbers expected by all: ``(rows, starts, numbers)``."""
        joint = product([probs[f] for f in self.factors])
        return joint @ self.numbers.flatten(1, len(self.factors))

    def take(self, rows: Tensor) -> Shared:
        """The evidence of some rows."""
        return Shared(self.factors, self.numbers[rows])


@dataclass(frozen=True)
class Iterate:
    """Marginals between two sweeps, and how good they are."""

    log_probs: tuple[Tensor, ...]  # of each factor: (rows, starts, size)
    contradiction: Tensor  # (rows, starts): sum of the probabilities of states ruled out
    free_energy: Tensor  # (rows, starts), in nats: infinite where there is a contradiction

    def betters(self, other: Iterate, tolerance: float) -> Tensor:
        """Whether it is better than another by more than a tolerance, ``(rows, starts)``."""
        less = self.contradiction < (1 - RELATIVE) * other.contradiction
        lower = self.free_energy < other.free_energy - tolerance
        return torch.where(self.contradiction > 0, less, lower)

    def take(self, rows: Tensor) -> Iterate:
        """The iterates of some rows."""
        log_probs = tuple(q[rows] for q in self.log_probs)
        return Iterate(log_probs, self.contradiction[rows], self.free_energy[rows])

    def where(self, mask: Tensor, other: Iterate) -> Iterate:
        """This one where ``mask`` ``(rows, starts)`` holds, else another."""
        pairs = zip(self.log_probs, other.log_probs, strict=True)
        return Iterate(
            tuple(torch.where(mask.unsqueeze(-1), mine, its) for mine, its in pairs),
            torch.where(mask, self.contradiction, other.contradiction),
            torch.where(mask, self.free_energy, other.free_energy),
        )


@dataclass(frozen=True)
class Coupling:
    """log p(s, o) of factors that share evidence."""

    log_unary: tuple[Tensor, ...]  # of each factor: (rows, 1, size)
    shared: tuple[Shared, ...]

    @cached_property
    def sharing(self) -> tuple[tuple[Shared, ...], ...]:
        """For each factor the evidence that it takes part in."""
        count = len(self.log_unary)
        return tuple(tuple(s for s in self.shared if f in s.factors) for f in range(count))

    def start(self, log_probs: Sequence[Tensor]) -> Iterate:
        """The first iterate, from log-probabilities ``(rows, starts, size)``."""
        probs = [q.exp() for q in log_probs]
        told = [shared.expected(probs) for shared in self.shared]
        return self._iterate(log_probs, sum(told[1:], told[0]))

    def sweep(self, iterate: Iterate) -> Iterate:
        """Update every factor once, each given the present marginals of the others."""
        log_probs, probs = list(iterate.log_probs), [q.exp() for q in iterate.log_probs]
        expected = []
        for f, sharing in enumerate(self.sharing):
            told = [shared.seen_by(f, probs) for shared in sharing]
            log_probs[f] = respond(self.log_unary[f], sum(told[1:], told[0]))
            probs[f] = log_probs[f].exp()
            final = [t for shared, t in zip(sharing, told, strict=True) if shared.factors[-1] == f]
            expected += [(probs[f].unsqueeze(-1) * t).sum(-2) for t in final]
        return self._iterate(log_probs, sum(expected[1:], expected[0]))

    def _iterate(self, log_probs: Sequence[Tensor], expected: Tensor) -> Iterate:
        accuracy, *contradictions = expected.unbind(-1)
        contradiction = sum(contradictions, torch.zeros_like(accuracy))
        complexity = ops.kl(torch.cat(list(log_probs), -1), torch.cat(self.log_unary, -1))
        energy = torch.where(contradiction > 0, math.inf, complexity - accuracy)
        return Iterate(tuple(log_probs), contradiction, energy)

    def take(self, rows: Tensor) -> Coupling:
        """The problems of some rows."""
        unary = tuple(log_values[rows] for log_values in self.log_unary)
        return Coupling(unary, tuple(shared.take(rows) for shared in self.shared))


def respond(log_unary: Tensor, told: Tensor) -> Tensor:
    r"""The marginal of a factor that is best given those of the others.

    .. math:: q_f(s) \propto p_f(s) \exp E_{q_{-f}}[\log p(o|s)]

    over the values of least contradiction: those under which the others are least probably in a
    state that rules the evidence out. Where that probability is zero, this is the ordinary update
    of coordinate ascent. Where it is not, F is infinite before and after, and the limit is taken
    of likelihoods that are small in place of zero.

    Args:
        log_unary: ``(*batch, size)``.
        told: for each value the expected log-likelihood and, where there is any, contradiction,
            ``(*batch, size, 1 or 2)``.

    Returns:
        log-probabilities ``(*batch, size)``.

    Example:
        >>> told = torch.tensor([[0.0, 0.3], [0.0, 0.0], [1.0, 0.0]])
        >>> respond(torch.zeros(3), told).exp().round(decimals=3).tolist()
        [0.0, 0.269, 0.731]
    """
    accuracy, *contradictions = told.unbind(-1)
    log_values = log_unary + accuracy
    for contradiction in contradictions:
        counted = torch.where(log_unary > -math.inf, contradiction.detach(), math.inf)
        least = counted.amin(-1, keepdim=True)
        log_values = torch.where(counted <= (1 + RELATIVE) * least, log_values, -math.inf)
    return torch.log_softmax(log_values, -1)
