"""The hierarchical Gaussian filter for binary outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..._checks import complain
from .base import RewardFollower, check_tensors, together


class Levels(NamedTuple):
    """Normal beliefs of the levels above the first, each ``(*batch)``."""

    mean: Tensor  # mu_2: log-odds that action 1 is the one to be rewarded
    precision: Tensor  # pi_2
    volatility: Tensor  # mu_3
    volatility_precision: Tensor  # pi_3


@dataclass(frozen=True)
class HierarchicalGaussianFilter(RewardFollower):
    r"""Beliefs about which of two actions is rewarded, and about how fast that changes.

    The input u is 1 where action 1 was rewarded or action 0 was not. With
    :math:`\hat\mu_1 = s(\mu_2)`, :math:`\delta_1 = u - \hat\mu_1` and
    :math:`\nu = e^{\kappa \mu_3 + \omega}`:

    .. math::
        \hat\pi_2 &= \frac{1}{1 / \pi_2 + \nu}, \qquad
        \pi_2 \leftarrow \hat\pi_2 + \hat\mu_1 (1 - \hat\mu_1), \qquad
        \mu_2 \leftarrow \mu_2 + \delta_1 / \pi_2, \\
        \delta_2 &= \left( 1 / \pi_2 + (\Delta \mu_2)^2 \right) \hat\pi_2 - 1, \qquad
        w = \nu \hat\pi_2, \qquad \hat\pi_3 = \frac{1}{1 / \pi_3 + \vartheta}, \\
        \pi_3 &\leftarrow \hat\pi_3 + \tfrac{\kappa^2}{2} w \left( w + (2 w - 1) \delta_2 \right),
        \qquad \mu_3 \leftarrow \mu_3 + \frac{\kappa}{2 \pi_3} w \delta_2

    and choices by the unit-square sigmoid, :math:`p(1) = s(\zeta \mu_2)`. Where the equation gives
    a precision :math:`\pi_3 \le 0`, outside of what it was derived for, the third level keeps its
    prediction. A trial without a reward is passed over.

    Args:
        tonic_volatility: omega, ``(*batch)``.
        inverse_temperature: zeta, ``(*batch)``.
        meta_volatility: theta > 0, ``(*batch)``; two levels without it: :math:`\nu = e^\omega`.
        coupling: kappa, ``(*batch)``; 1 without it.
        threshold: rewards above it are rewards.
        mean, variance, volatility, volatility_variance: :math:`\mu_2, 1 / \pi_2, \mu_3, 1 / \pi_3`
            before anything was seen.
        actions, reward, utilities: see :class:`~.RewardFollower`.

    Raises:
        TypeError: for parameters that are no tensors.
        ValueError: for another number of actions than two.

    Reference: C. Mathys, J. Daunizeau, K. Friston and K. Stephan (2011), "A Bayesian
    foundation for individual learning under uncertainty", Front. Hum. Neurosci. 5, 39; C. Mathys et
    al. (2014), "Uncertainty in perception and the hierarchical Gaussian filter", ibid. 8, 825.

    Example:
        >>> learner = HierarchicalGaussianFilter(torch.tensor([-2.0]), torch.tensor([1.0]))
        >>> state = learner.initial()
        >>> state = learner.learn(state, torch.tensor([1]), {"outcome": torch.tensor([1.0])})
        >>> f"{state.mean.item():.4f}"  # .5 / (1 / (1 + e^-2) + 1/4)
        '0.4422'
    """

    tonic_volatility: Tensor  # (*batch), omega
    inverse_temperature: Tensor  # (*batch), zeta
    meta_volatility: Tensor | None = None  # (*batch), theta
    coupling: Tensor | None = None  # (*batch), kappa
    threshold: float = 0.0
    mean: float = 0.0
    variance: float = 1.0
    volatility: float = 0.0
    volatility_variance: float = 1.0

    def __post_init__(self) -> None:
        """See that these are tensors, and that there are two actions."""
        check_tensors(self, "tonic_volatility", "inverse_temperature")
        if self.actions != 2:
            raise ValueError(complain("actions", "2, of which one is rewarded", self.actions))

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the persons."""
        return together(
            self.tonic_volatility, self.inverse_temperature, self.meta_volatility, self.coupling
        )

    def initial(self) -> Levels:
        """The prior beliefs."""
        values = (self.mean, 1 / self.variance, self.volatility, 1 / self.volatility_variance)
        return Levels(*(self.tonic_volatility.new_full(self.batch_shape, v) for v in values))

    def follow(self, state: Levels, action: Tensor, reward: Tensor, known: Tensor) -> Levels:
        """One input; none where the reward is not known."""
        rewarded = reward > self.threshold
        moved = self._step(state, (rewarded == (action == 1)).to(state.mean))
        return Levels(
            *(torch.where(known, new, old) for new, old in zip(moved, state, strict=True))
        )

    def _step(self, state: Levels, seen: Tensor) -> Levels:
        three = self.meta_volatility is not None
        exponent = self._coupling() * state.volatility if three else 0.0
        change = (exponent + self.tonic_volatility).exp()
        expected = state.mean.sigmoid()
        predicted = 1 / (1 / state.precision + change)
        precision = predicted + expected * (1 - expected)
        step = (seen - expected) / precision
        surprise = (1 / precision + step**2) * predicted - 1
        above = (state.volatility, state.volatility_precision)
        if three:
            above = self._above(state, change * predicted, surprise)
        return Levels(state.mean + step, precision, *above)

    def _above(self, state: Levels, weight: Tensor, surprise: Tensor) -> tuple[Tensor, Tensor]:
        """Beliefs about the volatility, ``(mean, precision)``."""
        kappa = self._coupling()
        predicted = 1 / (1 / state.volatility_precision + self._meta())
        found = predicted + kappa**2 / 2 * weight * (weight + (2 * weight - 1) * surprise)
        held = found > 0
        precision = torch.where(held, found, predicted)
        step = kappa / (2 * precision) * weight * surprise
        return torch.where(held, state.volatility + step, state.volatility), precision

    def _coupling(self) -> Tensor:
        one = torch.ones_like(self.tonic_volatility)
        return one if self.coupling is None else self.coupling

    def _meta(self) -> Tensor:
        zero = torch.zeros_like(self.tonic_volatility)
        return zero if self.meta_volatility is None else self.meta_volatility

    def log_probs(self, state: Levels) -> Tensor:
        """The unit-square sigmoid of the first level's prediction."""
        odds = self.inverse_temperature * state.mean
        return torch.stack([logsigmoid(-odds), logsigmoid(odds)], -1)
