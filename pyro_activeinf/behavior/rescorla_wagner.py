"""The Rescorla-Wagner learner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .chooser import Chooser, State


@dataclass(frozen=True)
class RescorlaWagner(Chooser):
    r"""Values of actions follow rewards, and a softmax chooses.

    .. math:: Q_u \leftarrow Q_u + \eta (r - Q_u), \qquad p(u) \propto e^{\beta Q_u}
    """

    learning_rate: Tensor  # (*batch), eta
    inverse_temperature: Tensor  # (*batch), beta
    actions: int = 2
    reward: str = "outcome"  # the site of r

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the persons."""
        return tuple(self.learning_rate.shape)

    @property
    def num_actions(self) -> int:
        """Number of actions to choose from."""
        return self.actions

    def initial(self) -> State:
        """Values of 0, ``(*batch, actions)``."""
        return self.learning_rate.new_zeros(*self.batch_shape, self.actions)

    def restart(self, state: State) -> State:
        """Another session begins with values of 0."""
        return torch.zeros_like(state)

    def perceive(self, state: State, cue: Mapping[str, Tensor]) -> State:
        """Cues do not matter."""
        return state

    def learn(self, state: State, action: Tensor, outcome: Mapping[str, Tensor]) -> State:
        """Follow a reward; without one, values stay."""
        reward = outcome[self.reward].to(state.dtype).unsqueeze(-1)
        error = torch.where(reward.isnan(), 0.0, reward.nan_to_num() - state)
        chosen = torch.nn.functional.one_hot(action, self.actions)
        return state + self.learning_rate.unsqueeze(-1) * chosen * error

    def log_probs(self, state: State) -> Tensor:
        """Softmax of the values."""
        return (self.inverse_temperature.unsqueeze(-1) * state).log_softmax(-1)
