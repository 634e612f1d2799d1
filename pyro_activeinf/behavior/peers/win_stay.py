"""Win-stay, lose-shift."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .base import RewardFollower, check_actions, check_tensors, marked, together


@dataclass(frozen=True)
class WinStayLoseShift(RewardFollower):
    r"""Repeats what was rewarded and leaves what was not, with some probability each.

    .. math:: p(u_t = u_{t-1}) = \begin{cases}
        p_\text{stay} & r_{t-1} > r_0 \\ 1 - p_\text{shift} & \text{else,} \end{cases}

    others share what is left. By chance at first; a missing reward leaves what was planned.

    Args:
        win_stay: ``(*batch)``, from 0 to 1.
        lose_shift: ``(*batch)``, from 0 to 1.
        threshold: :math:`r_0`.
        actions, reward, utilities: see :class:`~.RewardFollower`.

    Raises:
        TypeError: for probabilities that are no tensors.
        ValueError: for fewer than two actions, or an outcome without the site of the reward.

    Reference: H. Robbins (1952), Bull. Am. Math. Soc. 58; M. Nowak and K. Sigmund (1993),
    Nature 364.

    Example:
        >>> person = WinStayLoseShift(torch.tensor([0.9]), torch.tensor([0.6]))
        >>> state = person.initial()
        >>> state = person.learn(state, torch.tensor([1]), {"outcome": torch.tensor([0])})
        >>> person.log_probs(state).exp()
        tensor([[0.6000, 0.4000]])
    """

    win_stay: Tensor  # (*batch)
    lose_shift: Tensor  # (*batch)
    threshold: float = 0.0

    def __post_init__(self) -> None:
        """See that these are tensors, and that there is something to choose."""
        check_tensors(self, "win_stay", "lose_shift")
        check_actions(self.actions)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the persons."""
        return together(self.win_stay, self.lose_shift)

    def initial(self) -> Tensor:
        """Any action: log-probabilities of the next, ``(*batch, actions)``."""
        chance = -math.log(self.actions)
        return self.win_stay.new_full((*self.batch_shape, self.actions), chance)

    def follow(self, state: Tensor, action: Tensor, reward: Tensor, known: Tensor) -> Tensor:
        """What is next is decided by the last trial alone."""
        won = reward > self.threshold
        stay = torch.where(won, self.win_stay.log(), (-self.lose_shift).log1p())
        shift = torch.where(won, (-self.win_stay).log1p(), self.lose_shift.log())
        taken = marked(action, self.actions, state).bool()
        elsewhere = shift - math.log(self.actions - 1)
        planned = torch.where(taken, stay.unsqueeze(-1), elsewhere.unsqueeze(-1))
        return torch.where(known.unsqueeze(-1), planned, state)

    def log_probs(self, state: Tensor) -> Tensor:
        """What is planned."""
        return state
