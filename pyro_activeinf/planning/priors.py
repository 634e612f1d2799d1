"""What a planner expects of policies before it scores them: p(u), as an object."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import torch
from pyro import poutine
from torch import Tensor

from .._checks import complain
from ..compile.enumerate import HANDLERS
from ..filters import Filter
from ..filters.base import WishingFilter
from ..records import Belief
from .posterior import log_habit


@dataclass(frozen=True)
class Proposal:
    """Where real-valued policies are to be looked for first."""

    mean: Tensor  # (*batch, time, *event)
    std: Tensor  # (*batch, time, *event)


class PolicyPrior(ABC):
    """A prior over policies that may depend on the belief they start from."""

    @abstractmethod
    def log_prob(self, filter: Filter, belief: Belief, policies: Tensor) -> Tensor:
        """log p(u_{1:H}) up to a constant, in nats.

        Args:
            filter: whose belief it is.
            belief: that the policies start from, ``(*batch)``.
            policies: ``(policies, time, *event)`` or ``(*batch, policies, time, *event)``.

        Returns:
            A tensor that broadcasts to ``(*batch, policies)``.
        """

    @abstractmethod
    def proposal(self, filter: Filter, belief: Belief, horizon: int) -> Proposal | None:
        """Where a search over real-valued policies begins; ``None`` for the whole space."""


@dataclass(frozen=True)
class ModelHabit(PolicyPrior):
    r"""The habit that the model's own program states; uniform over the space without one.

    .. math:: \log p(u_{1:H}) = \sum_{h=1}^{H} \log p(u_h) + const

    For a Box the program samples one site ``action``, with a distribution over an action; it
    counts up to a constant (it is not cut off at the bounds of the space). In units of
    :math:`G`, a habit :math:`N(0, \Sigma)` is a quadratic cost of control,
    :math:`\frac{1}{2 \gamma} u^T \Sigma^{-1} u`.

    Raises:
        ValueError: for a habit over a Box that samples anything but ``action``.

    Example:
        >>> from pyro_activeinf.filters import ExactFilter
        >>> from pyro_activeinf.models import TMaze
        >>> filter = ExactFilter(TMaze())
        >>> ModelHabit().log_prob(filter, filter.initial(), torch.tensor([[3, 1], [3, 2]]))
        tensor([0., 0.])
    """

    def log_prob(self, filter: Filter, belief: Belief, policies: Tensor) -> Tensor:
        """See :class:`PolicyPrior`."""
        if isinstance(filter.actions, gym.spaces.Box):
            return _real_habit(filter, policies)
        return _counted_habit(policies, filter)

    def proposal(self, filter: Filter, belief: Belief, horizon: int) -> Proposal | None:
        """See :class:`PolicyPrior`."""
        return None


def _counted_habit(policies: Tensor, filter: Filter) -> Tensor:
    habit = filter.habit()
    if "policy" in habit:
        return log_habit(policies, habit)  # type: ignore[return-value]
    steps = policies if filter.actions.shape else policies.unsqueeze(-1)  # type: ignore[union-attr]
    names = ["action"] if steps.shape[-1] == 1 else [f"action_{f}" for f in range(steps.shape[-1])]
    total = torch.zeros(steps.shape[:-2], dtype=filter.dtype, device=filter.device)
    for f, name in enumerate(names):
        if name in habit:
            total = total + habit[name][steps[..., f]].sum(-1)
    return total


def _real_habit(filter: Filter, policies: Tensor) -> Tensor:
    event = len(filter.actions.shape or ())  # type: ignore[union-attr]
    lead = policies.shape[: policies.dim() - event - 1]
    usual = _real_action(filter)
    if usual is None:
        return policies.new_zeros(lead)
    each = usual.log_prob(policies)
    return each.reshape(*lead, -1).sum(-1)


def _real_action(filter: Filter) -> Any:
    """The distribution of an action by habit, as given from outside or by the model."""
    given = filter.wishes.habit.get("action") if isinstance(filter, WishingFilter) else None
    habit = getattr(getattr(filter, "model", None), "habit", None)
    return _action_distribution(habit) if given is None and habit is not None else given


def _action_distribution(habit: Any) -> Any:
    with HANDLERS:
        trace = poutine.trace(poutine.block(habit, hide_types=["param"])).get_trace()
    sites = {name: trace.nodes[name]["fn"] for name in trace.stochastic_nodes}
    if list(sites) != ["action"]:
        raise ValueError(
            complain(
                "habit",
                "one site 'action' with a distribution over an action of the Box",
                f"sites {list(sites)}",
            )
        )
    return sites["action"]
