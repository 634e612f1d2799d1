"""Probabilistic reversal learning as a generative program."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium as gym
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from .._checks import complain
from .base import GenerativeModel
from .preferences import LogPreferences

Number = float | Tensor


class ReversalLearning(GenerativeModel):
    r"""One of several actions is rewarded more often than the others; now and then it is another.

    The model of the world ``pyro_activeinf/ReversalLearning-v0``. State sites: ``better`` (the
    action that is rewarded more often) and ``chosen`` (the last action; of no meaning before the
    first). Observation site: ``outcome`` (0 none, 1 reward).

    .. math::
        p(better' = better) = 1 - h, \qquad
        p(outcome = 1) = \begin{cases} p_{good} & chosen = better \\ p_{bad} & \text{else,}
        \end{cases} \qquad \log \tilde p(outcome = 1) = c

    What an agent believes need not be true of its world. All numbers may be tensors without dims,
    to which gradients flow: beliefs and preferences of a person who is to be found out.

    Args:
        good, bad: probability of a reward for the better action, and for the others.
        hazard: h, probability of a reversal after each trial.
        preference: c, for a reward rather than none, in nats.
        habit: log-prior over actions, ``(actions,)``, in nats; none without it.
        actions: their number.

    Raises:
        ValueError: for fewer than two actions, or a habit of another size.

    Reference: P. Schwartenbeck, T. FitzGerald, R. Dolan and K. Friston (2013), "Exploration,
    novelty, surprise, and free energy minimization", Front. Psychol. 4; D. Markovic, H. Stojic, S.
    Schwoebel and S. Kiebel (2021), "An empirical evaluation of active inference in multi-armed
    bandits", Neural Networks 144.

    Example:
        >>> from pyro_activeinf.filters import ExactFilter
        >>> filter = ExactFilter(ReversalLearning(good=0.8, bad=0.2, hazard=0.1))
        >>> belief = filter.update(filter.predict(filter.initial(), 1), {"outcome": 1})
        >>> belief.marginals["better"].probs
        tensor([0.2000, 0.8000])
    """

    def __init__(
        self,
        good: Number = 0.8,
        bad: Number = 0.2,
        hazard: Number = 0.05,
        preference: Number = 3.0,
        habit: Tensor | None = None,
        actions: int = 2,
    ) -> None:
        super().__init__()
        if actions < 2:
            raise ValueError(complain("actions", "two or more", actions))
        if habit is not None and tuple(habit.shape) != (actions,):
            raise ValueError(complain("habit", f"({actions},)", tuple(habit.shape)))
        self.actions = gym.spaces.Discrete(actions)
        eye = torch.eye(actions)
        self.register_buffer("eye", eye)
        chance = eye * good + (1 - eye) * bad
        self.register_buffer("outcome", torch.stack([1 - chance, chance], -1))
        others = (1 - eye) / (actions - 1)
        self.register_buffer("change", eye * (1 - hazard) + others * hazard)
        self.register_buffer("preference", torch.stack([eye[0, 1], eye[0, 0] * preference]))
        self.register_buffer("log_habit", habit)

    def initial(self) -> tuple[Tensor, Tensor]:
        """Any action is the better one."""
        better = pyro.sample("better", dist.Categorical(torch.ones_like(self.eye[0])))
        return better, pyro.sample("chosen", dist.Categorical(self.eye[0]))

    def transition(self, state: tuple[Tensor, Tensor], action: Tensor) -> tuple[Tensor, Tensor]:
        """The better action may be another; what is chosen is chosen."""
        better = pyro.sample("better", dist.Categorical(self.change[state[0]]))
        return better, pyro.sample("chosen", dist.Categorical(self.eye[action]))

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        """A reward or none."""
        better, chosen = state
        pyro.sample("outcome", dist.Categorical(self.outcome[better, chosen]))

    def prefer(self) -> None:
        """A reward rather than none."""
        pyro.sample("outcome", LogPreferences(self.preference))

    @property
    def habit(self) -> Callable[[], None] | None:
        """The program of the prior over actions, or ``None`` where there is none."""
        return None if self.log_habit is None else self._habit

    def _habit(self) -> None:
        pyro.sample("action", dist.Categorical(logits=self.log_habit))
