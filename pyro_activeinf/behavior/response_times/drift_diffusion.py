"""Response times of a diffusion between two boundaries, which chooses as the agent does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from ..._checks import complain
from .base import ResponseTimes, check_numbers, wide
from .difficulty import log_odds
from .shifted_wald import Wald

TURN = 0.5  # time at which the series change: both have converged there


@dataclass(frozen=True)
class DriftDiffusion(ResponseTimes):
    r"""A diffusion between two boundaries whose choices have the agent's probabilities.

    It starts in the middle of a boundary separation a. Its drift is
    :math:`v_t = \frac{1}{a} \log \frac{p(u_t)}{1 - p(u_t)}`, so that it reaches the boundary of
    :math:`u_t` with the agent's own :math:`p(u_t)`. The time is then

    .. math::
        p(t \mid u_t) = \frac{2 \cosh(v_t a / 2)}{a^2}\, e^{-v_t^2 s / 2} f_0(s / a^2), \quad
        s = t - \tau

    for either boundary, where :math:`f_0` is the density of the first passage without drift, by
    two series: one for small and one for large times.

    Raises:
        TypeError: for fields that are no numbers.
        ValueError: for another number of actions than two.

    Reference: Navarro and Fuss (2009), "Fast and accurate calculations for first-passage times
    in Wiener diffusion models", eqs. 5-6; Ratcliff (1978).

    Example:
        >>> times = DriftDiffusion(torch.tensor([2.0]), torch.tensor([0.3]))
        >>> even = torch.full((1, 1, 2), 0.5).log()
        >>> times.distribution(even, torch.zeros(1, 1, dtype=torch.long)).mean  # 0.3 + a^2 / 4
        tensor([[1.3000]])
    """

    boundary: Tensor  # (*batch), a > 0
    shift: Tensor  # (*batch), tau: seconds that are no deciding

    def __post_init__(self) -> None:
        """See that these are numbers."""
        check_numbers(self)

    def distribution(self, log_probs: Tensor, action: Tensor) -> Any:
        """Distribution of seconds, batch ``(*batch, trials)``."""
        if log_probs.shape[-1] != 2:
            way_out = "ShiftedWald and LogNormalTimes take any number."
            raise ValueError(complain("actions", "2 of them", log_probs.shape[-1], way_out))
        return PassageTime(wide(self.boundary), log_odds(log_probs, action), wide(self.shift))


class PassageTime(dist.TorchDistribution):
    """Time until a diffusion from the middle of an interval has left it, and a shift."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 -- torch's name for it
    support = dist.constraints.positive

    def __init__(self, boundary: Any, odds: Tensor, shift: Any) -> None:
        as_odds = [torch.as_tensor(each).to(odds) for each in (boundary, odds, shift)]
        self.boundary, self.odds, self.shift = torch.broadcast_tensors(*as_odds)
        super().__init__(self.odds.shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Shift + a^2 tanh(v a / 2) / (2 v a)."""
        safe = torch.where(self.odds == 0, 1.0, self.odds)
        ratio = torch.where(self.odds == 0, 0.25, (safe / 2).tanh() / (2 * safe))
        return self.shift + self.boundary**2 * ratio

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density; -inf before the shift."""
        late = value > self.shift
        s = torch.where(late, value - self.shift, 1.0) / self.boundary**2
        return torch.where(late, log_density(s, self.odds) - 2 * self.boundary.log(), -torch.inf)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008
        """Draw by rejection from a Wald distribution: at least half of all are accepted.

        The passage of a single boundary is proposed; its density is the first term of the series.
        """
        shape = self._extended_shape(sample_shape)
        with torch.no_grad():
            one = Wald(0.5, self.odds.abs().clamp(min=1e-6), 0.0).expand(shape)
            drawn, waiting = one.sample(), torch.ones(shape, dtype=torch.bool)
            while bool(waiting.any()):
                drawn = torch.where(waiting, one.sample(), drawn)
                accepted = (log_driftless(drawn) - _first(drawn)).exp()
                waiting = waiting & (torch.rand_like(drawn) > accepted)
        return self.shift + self.boundary**2 * drawn

    def expand(self, batch_shape: Any, _instance: Any = None) -> PassageTime:
        """The same with further batch dims."""
        parts = (self.boundary, self.odds, self.shift)
        return PassageTime(*(x.expand(batch_shape) for x in parts))


def log_density(s: Tensor, odds: Tensor) -> Tensor:
    """Log-density of the time of passage for a boundary separation of 1 and a drift ``odds``."""
    cosh = torch.logaddexp(odds / 2, -odds / 2)
    return cosh - odds**2 * s / 2 + log_driftless(s)


def log_driftless(s: Tensor) -> Tensor:
    r"""Log of :math:`f_0`, the density at one boundary without drift, from the middle."""
    small = torch.where(s < TURN, s, TURN)
    large = torch.where(s < TURN, TURN, s)
    return torch.where(s < TURN, _small(small), _large(large))


def _small(s: Tensor) -> Tensor:
    """Images of the start: the sum of (w + 2k) exp(-(w + 2k)^2 / 2s), w = 1/2."""
    places = 0.5 + 2 * torch.arange(-3, 4, device=s.device).to(s)
    terms = places * (-(places**2 - 0.25) / (2 * s.unsqueeze(-1))).exp()
    return (2 * terms.sum(-1)).log() + _first(s)


def _first(s: Tensor) -> Tensor:
    """Log of the series' first term: without drift, the passage of a single boundary."""
    return math.log(0.5) - 0.125 / s - 1.5 * s.log() - 0.5 * math.log(2 * math.pi)


def _large(s: Tensor) -> Tensor:
    """Eigenfunctions: pi times the sum of k exp(-k^2 pi^2 s / 2) sin(k pi / 2)."""
    k = torch.arange(1, 10, 2, device=s.device).to(s)
    signs = k.new_tensor([1.0, -1.0, 1.0, -1.0, 1.0])
    terms = signs * k * (-(k**2 - 1) * math.pi**2 * s.unsqueeze(-1) / 2).exp()
    return terms.sum(-1).log() - math.pi**2 * s / 2 + math.log(math.pi)
