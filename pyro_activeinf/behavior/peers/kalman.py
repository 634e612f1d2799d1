"""The Kalman-filter learner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.special import log_ndtr

from .base import RewardFollower, check_actions, check_tensors, marked, together

NODES = 64  # of the quadrature over the value of an action, where there are three or more


class Estimates(NamedTuple):
    """Normal beliefs about what actions bring."""

    mean: Tensor  # (*batch, actions)
    variance: Tensor  # (*batch, actions)


@dataclass(frozen=True)
class KalmanLearner(RewardFollower):
    r"""Normal beliefs about what actions bring; the surer they are, the less a reward moves them.

    .. math::
        K &= \frac{V_u}{V_u + \sigma^2}, \qquad
        m_u \leftarrow m_u + K (r - m_u), \qquad V_u \leftarrow (1 - K) V_u, \\
        V &\leftarrow V + q \quad \text{(all actions, after each trial)}

    Choices are made by a softmax with a bonus for what is uncertain,

    .. math:: p(u) \propto \exp \left( \beta (m_u + b \sqrt{V_u}) \right),

    or, without an inverse temperature, by a draw from the beliefs (Thompson): p(u) is then the
    probability that u is the best action. Without a reward, beliefs only grow less certain.

    Args:
        noise: :math:`\sigma^2`, variance of rewards, ``(*batch)``.
        drift: q, variance of the steps of the world between trials, ``(*batch)``.
        inverse_temperature: beta, ``(*batch)``; None chooses by draws.
        bonus: b, ``(*batch)``; 0 without it.
        mean, variance: the beliefs before anything was seen, of every action.
        actions, reward, utilities: see :class:`~.RewardFollower`.

    Raises:
        TypeError: for parameters that are no tensors.
        ValueError: for fewer than two actions, or an outcome without the site of the reward.

    Reference: N. Daw, J. O'Doherty, P. Dayan, B. Seymour and R. Dolan (2006), Nature 441;
    S. Gershman (2018), "Deconstructing the human algorithms for exploration", Cognition 173.

    Example:
        >>> learner = KalmanLearner(noise=torch.tensor([1.0]), drift=torch.tensor([0.0]))
        >>> state = learner.initial()
        >>> state = learner.learn(state, torch.tensor([0]), {"outcome": torch.tensor([1.0])})
        >>> state.mean.tolist(), state.variance.tolist()
        ([[0.5, 0.0]], [[0.5, 1.0]])
        >>> f"{learner.log_probs(state).exp()[0, 0].item():.4f}"  # Phi(.5 / sqrt(1.5))
        '0.6585'
    """

    noise: Tensor  # (*batch), sigma^2
    drift: Tensor  # (*batch), q
    inverse_temperature: Tensor | None = None  # (*batch), beta
    bonus: Tensor | None = None  # (*batch), b
    mean: float = 0.0
    variance: float = 1.0

    def __post_init__(self) -> None:
        """See that these are tensors, and that there is something to choose."""
        check_tensors(self, "noise", "drift")
        check_actions(self.actions)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the persons."""
        return together(self.noise, self.drift, self.inverse_temperature, self.bonus)

    def initial(self) -> Estimates:
        """The same belief about every action."""
        shape = (*self.batch_shape, self.actions)
        return Estimates(
            self.noise.new_full(shape, self.mean), self.noise.new_full(shape, self.variance)
        )

    def follow(self, state: Estimates, action: Tensor, reward: Tensor, known: Tensor) -> Estimates:
        """One update of the action that was taken, then a step of the world."""
        taken = marked(action, self.actions, state.mean) * known.unsqueeze(-1)
        gain = taken * state.variance / (state.variance + self.noise.unsqueeze(-1))
        mean = state.mean + gain * (reward.unsqueeze(-1) - state.mean)
        return Estimates(mean, (1 - gain) * state.variance + self.drift.unsqueeze(-1))

    def log_probs(self, state: Estimates) -> Tensor:
        """Softmax of means and uncertainties, or how probably each action is the best."""
        if self.inverse_temperature is None:
            return log_best(state.mean, state.variance)
        worth = state.mean
        if self.bonus is not None:
            worth = worth + self.bonus.unsqueeze(-1) * state.variance.sqrt()
        return (self.inverse_temperature.unsqueeze(-1) * worth).log_softmax(-1)


def log_best(mean: Tensor, variance: Tensor) -> Tensor:
    r"""Log-probability that each of independent normal variables is the largest.

    .. math:: \log \int N(x; m_u, V_u) \prod_{u' \ne u} \Phi\left(
        \frac{x - m_{u'}}{\sqrt{V_{u'}}} \right) dx

    Exact for two; Gauss-Hermite quadrature for more, normalized.

    Args:
        mean, variance: ``(*batch, actions)``.
    """
    if mean.shape[-1] == 2:
        ahead = (mean[..., 0] - mean[..., 1]) / variance.sum(-1).sqrt()
        return torch.stack([log_ndtr(ahead), log_ndtr(-ahead)], -1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    at = mean.unsqueeze(-1) + variance.sqrt().unsqueeze(-1) * torch.as_tensor(nodes).to(mean)
    # (*batch, actions that are best, others, nodes)
    below = (at.unsqueeze(-2) - mean[..., None, :, None]) / variance.sqrt()[..., None, :, None]
    others = 1 - torch.eye(mean.shape[-1]).to(mean).unsqueeze(-1)
    inner = (log_ndtr(below) * others).sum(-2) + torch.as_tensor(weights).to(mean).log()
    return inner.logsumexp(-1).log_softmax(-1)
