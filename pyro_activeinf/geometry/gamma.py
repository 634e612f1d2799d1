"""Gamma distributions."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch import distributions as torch_dist
from torch.distributions import kl_divergence

from .equation import GammaEquation
from .family import Closed, ExponentialFamily
from .lines import positive

NEWTON = 50


class Gamma(ExponentialFamily):
    """Gamma distributions; usual coordinates: concentration, rate."""

    name, domain = "Gamma", "a concentration > 0 and a rate > 0"
    kinds = (torch_dist.Gamma,)

    def __init__(self) -> None:
        self.units = _rates
        self.closed = Closed(equation=GammaEquation())

    def coordinates(self, distribution: Any) -> Tensor:
        """Concentration and rate."""
        pair = distribution.concentration, distribution.rate
        return torch.stack(torch.broadcast_tensors(*pair), -1)

    def distribution(self, point: Tensor) -> Any:
        """The distribution."""
        return dist.Gamma(point[..., 0], point[..., 1])

    def valid(self, point: Tensor) -> Tensor:
        """Whether both are positive."""
        return positive(point) & (point.shape[-1] == 2)

    def free(self, point: Tensor) -> Tensor:
        """Logarithms of concentration and mean, which are orthogonal."""
        a, b = point.split(1, -1)
        return torch.cat([a.log(), a.log() - b.log()], -1)

    def from_free(self, free: Tensor) -> Tensor:
        """Concentration and rate."""
        log_a, log_mean = free.split(1, -1)
        return torch.cat([log_a.exp(), (log_a - log_mean).exp()], -1)

    def locations(self, size: int) -> int:
        """None."""
        return 0

    def natural(self, point: Tensor) -> Tensor:
        """Concentration and minus the rate, for log x and x with carrier 1/x."""
        return point * point.new_tensor([1.0, -1.0])

    def from_natural(self, natural: Tensor) -> Tensor:
        """Concentration and rate."""
        return natural * natural.new_tensor([1.0, -1.0])

    def mean(self, point: Tensor) -> Tensor:
        """Expected log x and x."""
        a, b = point.split(1, -1)
        return torch.cat([torch.digamma(a) - b.log(), a / b], -1)

    def from_mean(self, mean: Tensor) -> Tensor:
        """Concentration and rate, by Newton's method for log a - digamma(a)."""
        log_mean, mean_ = mean.split(1, -1)
        a = _inverse(mean_.log() - log_mean)
        return torch.cat([a, a / mean_], -1)

    def log_partition(self, natural: Tensor) -> Tensor:
        """lgamma(a) - a log b."""
        a, minus_b = natural.unbind(-1)
        return a.lgamma() - a * (-minus_b).log()

    def kl(self, point: Tensor, other: Tensor) -> Tensor:
        """KL divergence."""
        return kl_divergence(self.distribution(point), self.distribution(other))


def _rates(point: Tensor) -> Tensor:
    """1 for the concentration, the rate for itself."""
    return torch.cat([torch.ones_like(point[..., :1]), point[..., 1:]], -1)


def _inverse(s: Tensor) -> Tensor:
    """The a for which log a - digamma(a) = s; differentiable once. Start: Minka (2002)."""
    with torch.no_grad():
        a = (3 - s + ((s - 3).square() + 24 * s).sqrt()) / (12 * s)
        for _ in range(NEWTON):
            step = (a.log() - torch.digamma(a) - s) / (1 - a * torch.polygamma(1, a))
            a = a * (-step).clamp(-2.0, 2.0).exp()
            if bool((step.abs() <= 1e-15).all()):
                break
    slope = (1 / a - torch.polygamma(1, a)).detach()
    return a + (s - s.detach()) / slope
