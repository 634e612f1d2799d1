"""The Rescorla-Wagner learner."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from ..choices import Choices
from ..chooser import Tracing, walk
from .base import RewardFollower, by_trial, check_actions, check_tensors, marked, together
from .linear import recursion


class Values(NamedTuple):
    """What is remembered."""

    values: Tensor  # (*batch, actions), Q
    last: Tensor  # (*batch, actions), 1 for the last action, 0 for the others


@dataclass(frozen=True)
class RescorlaWagner(RewardFollower, Tracing):
    r"""Values of actions follow rewards, and a softmax chooses.

    .. math::
        Q_u &\leftarrow Q_u + \eta^\pm (r - Q_u), \qquad
        Q_{u'} \leftarrow (1 - \phi) Q_{u'} \quad (u' \ne u), \\
        p(u_t) &\propto \exp(\beta Q_u + \kappa [u = u_{t-1}])

    where :math:`\eta^-` holds where r falls short of the value. A missing reward leaves the value
    of its action as it was; the action itself, and forgetting, count all the same.

    Args:
        learning_rate: eta, ``(*batch)``, from 0 to 1.
        inverse_temperature: beta, ``(*batch)``.
        loss_learning_rate: eta of disappointments, ``(*batch)``; the same without it.
        forgetting: phi, by which actions that are not taken fade, ``(*batch)``; 0 without it.
        stickiness: kappa, for the last action again, ``(*batch)``; 0 without it.
        actions, reward, utilities: see :class:`~.RewardFollower`.

    Raises:
        TypeError: for parameters that are no tensors.
        ValueError: for fewer than two actions, or an outcome without the site of the reward.

    Reference: R. Rescorla and A. Wagner (1972), "A theory of Pavlovian conditioning"; for two
    rates, M. Frank et al. (2007), PNAS 104; for forgetting, M. Ito and K. Doya (2009), J. Neurosci.
    29; for stickiness, B. Lau and P. Glimcher (2005), J. Exp. Anal. Behav. 84.

    Example:
        >>> learner = RescorlaWagner(torch.tensor([0.5]), torch.tensor([2.0]))
        >>> state = learner.initial()
        >>> state = learner.learn(state, torch.tensor([1]), {"outcome": torch.tensor([1.0])})
        >>> state.values.tolist(), learner.log_probs(state).exp()[0, 1].round(decimals=3).item()
        ([[0.0, 0.5]], 0.731)
    """

    learning_rate: Tensor  # (*batch), eta
    inverse_temperature: Tensor  # (*batch), beta
    loss_learning_rate: Tensor | None = None  # (*batch)
    forgetting: Tensor | None = None  # (*batch), phi
    stickiness: Tensor | None = None  # (*batch), kappa

    def __post_init__(self) -> None:
        """See that these are tensors, and that there is something to choose."""
        check_tensors(self, "learning_rate", "inverse_temperature")
        check_actions(self.actions)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the persons."""
        return together(
            self.learning_rate,
            self.inverse_temperature,
            self.loss_learning_rate,
            self.forgetting,
            self.stickiness,
        )

    def initial(self) -> Values:
        """Values of 0, and no last action."""
        zeros = self.learning_rate.new_zeros(*self.batch_shape, self.actions)
        return Values(zeros, zeros)

    def follow(self, state: Values, action: Tensor, reward: Tensor, known: Tensor) -> Values:
        """Move the value of the action towards the reward; let the others fade."""
        taken = marked(action, self.actions, state.values)
        error = torch.where(known.unsqueeze(-1), reward.unsqueeze(-1) - state.values, 0.0)
        moved = state.values + taken * self._rate(error) * error
        moved = moved * self._fading(1 - taken)
        return Values(moved, taken.expand_as(moved))

    def _rate(self, error: Tensor) -> Tensor:
        rate = self.learning_rate.unsqueeze(-1)
        if self.loss_learning_rate is None:
            return rate
        return torch.where(error < 0, self.loss_learning_rate.unsqueeze(-1), rate)

    def trace(self, choices: Choices) -> Values:
        """States at which each choice was made: a linear recursion, where there is one rate."""
        if self.loss_learning_rate is not None:
            return walk(self, choices)
        first = self.initial().values
        laid_out = partial(by_trial, batch_dims=len(self.batch_shape))
        counted = laid_out(choices.counted).unsqueeze(-1).to(first)
        actions = laid_out(choices.actions.clamp(min=0))
        taken = marked(actions, self.actions, first) * counted
        reward, known = (laid_out(each).unsqueeze(-1) for each in self.rewarded(choices.outcomes))
        step = taken * known * self.learning_rate.unsqueeze(-1)
        kept = (1 - step) * self._fading(counted - taken)
        ends = laid_out(_ends(choices.starts)).unsqueeze(-1)
        shape = (len(taken), *first.shape)
        values = _before(kept, step * reward, ends, shape)
        return Values(values, _before(1 - counted, taken, ends, shape))

    def _fading(self, others: Tensor) -> Tensor:
        """What is left of actions that are not taken."""
        return 1 - others * (0.0 if self.forgetting is None else self.forgetting.unsqueeze(-1))

    def log_probs(self, state: Values) -> Tensor:
        """Softmax of the values, with a bonus for the last action."""
        wish = self.inverse_temperature.unsqueeze(-1) * state.values
        if self.stickiness is not None:
            wish = wish + self.stickiness.unsqueeze(-1) * state.last
        return wish.log_softmax(-1)


def _ends(starts: Tensor) -> Tensor:
    """Trials after which a session ends, ``(subjects, trials)``."""
    return torch.cat([starts[:, 1:], torch.zeros_like(starts[:, :1])], 1)


def _before(factor: Tensor, term: Tensor, ends: Tensor, shape: tuple[int, ...]) -> Tensor:
    """What a linear recursion holds before each trial; nothing at the start of a session."""
    each = (part.masked_fill(ends, 0.0).expand(shape) for part in (factor, term))
    after = recursion(*each)
    return torch.cat([torch.zeros_like(after[:1]), after[:-1]])
