"""A planner whose habit learns from its plans."""

from __future__ import annotations

from .._checks import positive_int
from ..filters import Filter
from ..records import Belief, PolicyPosterior
from .amortized import AmortizedPolicy
from .base import Planner
from .fitting import Optimizer


class Habitual(Planner):
    """Plans by another planner, and lets a habit learn from the last plans as it goes.

    Args:
        planner: makes the plans; where the habit is its prior, plans become easier with time.
        habit: learns from them.
        steps: of learning after each plan.
        memory: how many plans it learns from.
        optimizer: makes a torch optimizer of parameters; Adam at 0.01 by default.

    Raises:
        ValueError: for numbers below 1.

    Reference: see :class:`AmortizedPolicy`.

    Example:
        >>> import torch
        >>> from pyro_activeinf.filters import ExactFilter
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import OpenLoop
        >>> _ = torch.manual_seed(0)
        >>> filter = ExactFilter(TMaze())
        >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> habit = AmortizedPolicy(filter, horizon=2)
        >>> planner = Habitual(OpenLoop(2), habit, steps=50)
        >>> posterior = planner(filter, start)
        >>> cue = torch.tensor([[3, 1]])
        >>> bool(habit.log_prob(filter, start, cue) > -2.2)  # -log 16 before it learned
        True
    """

    def __init__(
        self,
        planner: Planner,
        habit: AmortizedPolicy,
        steps: int = 5,
        memory: int = 100,
        optimizer: Optimizer | None = None,
    ) -> None:
        self.planner, self.habit, self.optimizer = planner, habit, optimizer
        self.steps, self.memory = positive_int("steps", steps), positive_int("memory", memory)
        self._plans: list[tuple[Belief, PolicyPosterior]] = []

    def __call__(self, filter: Filter, belief: Belief) -> PolicyPosterior:
        """The other planner's plan."""
        posterior = self.planner(filter, belief)
        self._plans = [*self._plans[1 - self.memory :], (belief, posterior)]
        beliefs, plans = zip(*self._plans, strict=True)
        self.habit.fit(beliefs, plans, self.steps, self.optimizer)
        return posterior
