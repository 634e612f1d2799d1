"""An agent: a model, a filter and a planner, and the belief that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .. import ops
from .._checks import batch_dims, complain, nonnegative
from ..compile import Programs, Settled, control_sizes
from ..filters import ExactFilter, Filter
from ..planning import Planner
from ..records import Belief, PolicyPosterior


class Agent:
    r"""Perceives, plans and acts with a generative model.

    .. math:: p(u) \propto q(u)^\alpha, \quad q(u) = \sum_{\pi: \pi_1 = u} q(\pi)

    A large alpha decides even where the planner hardly prefers one action: where ties should be
    broken by chance in proportion to q(u), take alpha = 1.

    A call that raises leaves the agent as it was. Randomness follows ``pyro.set_rng_seed``.

    Args:
        model: a :class:`~pyro_activeinf.GenerativeModel`.
        planner: scores policies, for example :class:`~pyro_activeinf.planning.OpenLoop`.
        filter: carries the belief; an exact filter of the model by default.
        action_precision: alpha; infinite takes the most probable action.

    Attributes:
        belief: q(s_t) after the last observation; ``None`` before the first.
        posterior: q(pi) of the last plan; ``None`` where there is none for the present belief.
        action: the action chosen since the last observation, if any.

    Example:
        >>> import pyro
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import OpenLoop
        >>> pyro.set_rng_seed(0)
        >>> agent = Agent(TMaze(), planner=OpenLoop(horizon=2))
        >>> _ = agent.perceive({"position": 0, "reward": 0})
        >>> agent.act().item()  # to the cue
        3
        >>> agent.perceive({"position": 3, "reward": 0}).marginals["context"].probs.tolist()
        [1.0, 0.0]
    """

    def __init__(
        self,
        model: Programs,
        *,
        planner: Planner,
        filter: Filter | None = None,
        action_precision: float = 16.0,
    ) -> None:
        if isinstance(model, type) or not isinstance(planner, Planner):
            raise TypeError(
                complain(
                    "model, planner",
                    "a model (not its class) and a planner",
                    f"{model!r} and {planner!r}",
                    "For example Agent(TMaze(), planner=planning.OpenLoop(2)).",
                )
            )
        self.model = model
        self.planner = planner
        self.filter = ExactFilter(model) if filter is None else filter
        self.action_precision = nonnegative("action_precision", action_precision)
        self.reset()

    def reset(self, batch_shape: tuple[int, ...] = ()) -> None:
        """Forget the episode: the next observation is the first. Batched where asked."""
        self.batch_shape = batch_dims(batch_shape)
        self.belief: Belief | None = None
        self.posterior: PolicyPosterior | None = None
        self.action: Tensor | None = None

    def perceive(self, observation: Mapping[str, Any], action: Any = None) -> Belief:
        """Update the belief with an observation, after predicting with the last action.

        Args:
            observation: site to value ``(*batch, *event)``; absent where missing.
            action: the action that led here, where it was not chosen by :meth:`act`.

        Raises:
            ValueError: for an impossible or malformed observation, or where no action was taken
                since the last one.
        """
        with Settled():
            updated = self.filter.update(self._prior(action), observation)
        self.belief, self.posterior, self.action = updated, None, None
        return updated

    def _prior(self, action: Any) -> Belief:
        if self.belief is None:
            return self.filter.initial(self.batch_shape)
        taken = self.action if action is None else action
        if taken is None and self.filter.actions is not None:
            raise ValueError(
                complain(
                    "action",
                    "an action between two observations",
                    None,
                    "Call act() first, give perceive(observation, action=..), or reset() for a "
                    "new episode.",
                )
            )
        return self.filter.predict(self.belief, taken)

    def plan(self) -> PolicyPosterior:
        """Score policies from the present belief.

        Raises:
            ValueError: before the first observation.
        """
        if self.belief is None:
            raise ValueError(
                complain("belief", "one to plan from", None, "Call perceive(observation) first.")
            )
        self.posterior = self.planner(self.filter, self.belief)
        return self.posterior

    def act(self) -> Tensor:
        """Choose an action ``(*batch)`` (``(*batch, controls)`` for several controls).

        Plans first where that has not been done for the present belief.
        """
        posterior = self.plan() if self.posterior is None else self.posterior
        index = ops.draw(_rows(posterior), self.action_precision)
        controls = control_sizes(self.filter.actions)
        several = len(controls) > 1
        self.action = torch.stack(ops.unravel(index, controls), -1) if several else index
        return self.action

    def action_probs(self, posterior: PolicyPosterior) -> Tensor:
        """Probabilities of the next action at the agent's precision, ``(*batch, *controls)``."""
        rows = ops.softmax(ops.log(_rows(posterior)), self.action_precision)
        return rows.reshape(posterior.action_probs.shape)


def _rows(posterior: PolicyPosterior) -> Tensor:
    """Probabilities of the first action, ``(*batch, actions)``."""
    return posterior.action_probs.flatten(posterior.probs.dim() - 1)
