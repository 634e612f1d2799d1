"""Chains of choices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyro.distributions as dist
import torch
from torch import Tensor

from .. import ops
from .chains import Chain, gradient
from .counts import Categorical
from .family import DTYPE
from .halving import Parts, product, products


class DiscreteChainMoments(NamedTuple):
    """Of a chain of choices."""

    probs: Tensor  # (*batch, time, k)
    pairs: Tensor  # (*batch, time - 1, k, next k)


@dataclass(frozen=True)
class DiscreteChain(Chain):
    """Choices over time, of ``dim`` values each: potentials of steps, and of pairs of steps."""

    steps: int
    dim: int
    moments_type = DiscreteChainMoments

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """Steps, and pairs of steps."""
        return (self.steps, self.dim), (self.steps - 1, self.dim, self.dim)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """A number at each step."""
        return (self.steps,)

    def statistics(self, value: Tensor) -> Tensor:
        """One at each value, and at each pair of values."""
        places = torch.arange(self.dim, device=value.device)
        one = (value.unsqueeze(-1) == places).to(DTYPE)
        return self.join(one, one[..., :-1, :, None] * one[..., 1:, None, :])

    def log_base(self, value: Tensor) -> Tensor:
        """Zero."""
        return torch.zeros(value.shape[:-1], dtype=DTYPE, device=value.device)

    def log_partition(self, natural: Tensor) -> Tensor:
        """Logarithm of the sum over all sequences."""
        first, matrices = self._matrices(natural)
        if self.steps == 1:
            return ops.logsumexp(first, -1)
        (total,) = product(_log_matmul, (matrices,))
        return ops.logsumexp((first.unsqueeze(-1) + total[0]).flatten(-2), -1)

    def mean(self, natural: Tensor) -> Tensor:
        """Smoothed marginals of steps and pairs."""
        return gradient(self, natural)

    def natural(self, mean: Tensor) -> Tensor:
        """Log q(x_t), and log of q(x_t, x_{t+1}) / q(x_t) q(x_{t+1})."""
        log_one, log_pair = (ops.log(part) for part in self.split(mean))
        apart = log_one[..., :-1, :, None] + log_one[..., 1:, None, :]
        return self.join(log_one, torch.where(log_pair > -math.inf, log_pair - apart, log_pair))

    def valid(self, natural: Tensor) -> Tensor:
        """Whether some sequence is possible."""
        return self.log_partition(natural).isfinite()

    def neutral(self) -> Tensor:
        """All sequences alike."""
        return torch.zeros(self.size, dtype=DTYPE)

    def distribution(self, natural: Tensor) -> Any:
        """The marginals, Categorical of batch shape ``(*batch, time)``."""
        return dist.Categorical(self.split(self.mean(natural))[0])

    @property
    def step(self) -> Categorical:
        """A choice."""
        return Categorical(self.dim)

    def forward(self, natural: Tensor) -> Tensor:
        """Sums over all sequences up to each step, as logarithms ``(*batch, time, k)``."""
        first, matrices = self._matrices(natural)
        onward = products(_log_matmul, (matrices,))[0] if self.steps > 1 else matrices
        later = ops.logsumexp(first.unsqueeze(-1) + onward, -2)
        return torch.cat([first.unsqueeze(0), later]).movedim(0, -2)

    def backward_in_time(self, natural: Tensor) -> Tensor:
        """Potentials of steps and pairs, in the opposite order."""
        one, pair = self.split(natural)
        return self.join(one.flip(-2), pair.flip(-3).mT)

    def singles(self, natural: Tensor) -> Tensor:
        """Potentials of steps."""
        return self.split(natural)[0]

    def _matrices(self, natural: Tensor) -> tuple[Tensor, Tensor]:
        """Potentials of the first step, and of each pair with its second step: time first."""
        one, pair = self.split(natural)
        return one[..., 0, :], (pair + one[..., 1:, None, :]).movedim(-3, 0)


def _log_matmul(left: Parts, right: Parts) -> Parts:
    return (ops.logsumexp(left[0].unsqueeze(-1) + right[0].unsqueeze(-3), -2),)
