"""Response times of one accumulator: the shifted Wald distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from .base import ResponseTimes, check_numbers, wide
from .difficulty import log_odds


@dataclass(frozen=True)
class ShiftedWald(ResponseTimes):
    r"""Evidence for what is chosen reaches a boundary; the better it is liked, the sooner.

    .. math::
        p(t) = \frac{a}{\sqrt{2 \pi s^3}} \exp\Big(-\frac{(a - v_t s)^2}{2 s}\Big), \quad
        s = t - \tau, \quad
        v_t = \textrm{softplus}\Big(v_0 + \beta \log \frac{p(u_t)}{1 - p(u_t)}\Big)

    For two actions the log-odds are the difference of their log-probabilities.

    Raises:
        TypeError: for fields that are no numbers.

    Reference: Anders, Alario and Van Maanen (2016), "The shifted Wald distribution for response
    time data analysis", eq. 1.

    Example:
        >>> one = torch.ones(1)
        >>> times = ShiftedWald(boundary=one, drift=0 * one, slope=0 * one, shift=0.3 * one)
        >>> even = torch.full((1, 1, 2), 0.5).log()
        >>> found = times.distribution(even, torch.zeros(1, 1, dtype=torch.long))
        >>> f"{found.mean.item():.3f} s"  # 0.3 + 1 / log 2
        '1.743 s'
    """

    boundary: Tensor  # (*batch), a > 0
    drift: Tensor  # (*batch), v_0: softplus(v_0) is the drift where odds are even
    slope: Tensor  # (*batch), beta: drift per nat
    shift: Tensor  # (*batch), tau: seconds that are no deciding

    def __post_init__(self) -> None:
        """See that these are numbers."""
        check_numbers(self)

    def distribution(self, log_probs: Tensor, action: Tensor) -> Any:
        """Distribution of seconds, batch ``(*batch, trials)``."""
        liked = wide(self.drift) + wide(self.slope) * log_odds(log_probs, action)
        return Wald(wide(self.boundary), torch.nn.functional.softplus(liked), wide(self.shift))


class Wald(dist.TorchDistribution):
    """Time at which a Brownian motion with a drift first reaches a boundary, and a shift."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 -- torch's name for it
    support = dist.constraints.positive

    def __init__(self, boundary: Any, drift: Tensor, shift: Any) -> None:
        as_drift = [torch.as_tensor(each).to(drift) for each in (boundary, drift, shift)]
        self.boundary, self.drift, self.shift = torch.broadcast_tensors(*as_drift)
        super().__init__(self.drift.shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Shift + boundary / drift."""
        return self.shift + self.boundary / self.drift

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density; -inf before the shift."""
        late = value > self.shift
        s = torch.where(late, value - self.shift, 1.0)
        log_scale = self.boundary.log() - 1.5 * s.log() - 0.5 * math.log(2 * math.pi)
        found = log_scale - (self.boundary - self.drift * s) ** 2 / (2 * s)
        return torch.where(late, found, -torch.inf)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008
        """Draw by a transformation with two roots (Michael, Schucany and Haas 1976)."""
        shape = self._extended_shape(sample_shape)
        mean, size = self.boundary / self.drift, self.boundary**2
        chi = torch.randn(shape, dtype=mean.dtype, device=mean.device) ** 2
        half = mean * chi / (2 * size)
        root = mean / (1 + half + ((1 + half) ** 2 - 1).sqrt())  # the smaller one, stably
        first = torch.rand_like(root) * (mean + root) <= mean
        return self.shift + torch.where(first, root, mean**2 / root)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Wald:
        """The same with further batch dims."""
        return Wald(*(x.expand(batch_shape) for x in (self.boundary, self.drift, self.shift)))
