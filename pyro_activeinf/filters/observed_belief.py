"""A belief about a state that is observed: a narrow Gaussian for each member of an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MixtureSameFamily, Normal

from ..records import Belief, FreeEnergyTerms


@dataclass(frozen=True)
class Seen:
    """What a belief was updated with."""

    mean: Tensor  # (*batch, members, n): before
    var: Tensor  # (*batch, members, n)
    outcome: Tensor  # (*batch, n); NaN where missing
    noise: Tensor  # (n,): variance of the sensor


@dataclass(frozen=True)
class ObservedBelief(Belief):
    r"""q(s_t, k) = q(s_t | k) / K: Gaussian under each of K members, none of which is preferred.

    .. math:: F = \frac1K \sum_k -\log p(o_t | o_{<t}, k)

    What is learned about the members is the learner's to say: here each stays as likely.
    """

    mean: Tensor  # (*batch, members, n)
    var: Tensor  # (*batch, members, n)
    seen: Seen | None = field(default=None, repr=False)

    @property
    def batch_shape(self) -> torch.Size:
        """Shape of the batch of beliefs."""
        return self.mean.shape[:-2]

    @property
    def free_energy(self) -> Tensor:
        """F of the last update in nats, ``(*batch)``; 0 for a belief that is only predicted."""
        return self.terms.total

    @cached_property
    def terms(self) -> FreeEnergyTerms:
        """Complexity and accuracy of the last update in nats, each ``(*batch)``."""
        if self.seen is None:
            zero = self.mean.new_zeros(self.batch_shape)
            return FreeEnergyTerms(zero, zero)
        complexity = 0.5 * _spread(self.mean - self.seen.mean, self.var, self.seen.var)
        complexity = complexity + 0.5 * (self.seen.var / self.var).log() - 0.5
        accuracy = _accuracy(self.mean, self.var, self.seen).sum(-1).mean(-1)
        return FreeEnergyTerms(complexity.sum(-1).mean(-1), accuracy, {"o": accuracy})

    @cached_property
    def marginals(self) -> dict[str, Distribution]:
        """The mixture over members, under ``s``."""
        each = Independent(Normal(self.mean, self.var.sqrt(), validate_args=False), 1)
        even = torch.distributions.Categorical(logits=self.mean.new_zeros(self.mean.shape[:-1]))
        return {"s": MixtureSameFamily(even, each, validate_args=False)}

    def sample(self, n: int | Sequence[int] = ()) -> dict[str, Tensor]:
        """Draw states: ``s`` to tensor ``(*n, *batch, n)``."""
        shape = torch.Size((n,) if isinstance(n, int) else tuple(n))
        return {"s": self.marginals["s"].sample(shape)}

    def _map(self, move: Callable[[Tensor, int], Tensor]) -> ObservedBelief:
        return ObservedBelief(
            self.step, move(self.mean, 2), move(self.var, 2), self.seen and _moved(self.seen, move)
        )


def _moved(seen: Seen, move: Callable[[Tensor, int], Tensor]) -> Seen:
    return Seen(move(seen.mean, 2), move(seen.var, 2), move(seen.outcome, 1), seen.noise)


def _spread(off: Tensor, var: Any, scale: Any) -> Tensor:
    """Mean square distance of a Gaussian, in units of ``scale``."""
    return (var + off.square()) / scale


def _accuracy(mean: Tensor, var: Tensor, seen: Seen) -> Tensor:
    """E_q[log p(o|s)] of each number; 0 where it is missing."""
    outcome = seen.outcome.unsqueeze(-2)
    log_prob = -0.5 * (2 * torch.pi * seen.noise).log()
    log_prob = log_prob - 0.5 * _spread(outcome.nan_to_num() - mean, var, seen.noise)
    return torch.where(outcome.isnan(), 0.0, log_prob)
