"""Guides over policies whose actions are counted: a categorical for each step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from .._checks import complain
from ..compile import control_sizes
from ..filters import Filter
from ..models.unroll import plates
from ..records import Belief
from .policy_guides import GuideFamily, PolicyGuide
from .warm_start import one_step_on


@dataclass(frozen=True)
class CategoricalPolicy(GuideFamily):
    r"""An independent categorical for the action of each step.

    .. math:: q(u_{1:H}) = \prod_{h=1}^{H} q_h(u_h)

    For horizons whose policies cannot be listed. It settles on one way of doing things (one for
    each restart): what a later action should depend on an earlier one for is lost.

    Raises:
        ValueError: on a call, for a space of real-valued actions.

    Reference: Blei, Kucukelbir and McAuliffe (2017), "Variational inference: a review for
    statisticians", on mean fields.

    Example:
        >>> import pyro
        >>> from pyro_activeinf.filters import ExactFilter
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import Variational
        >>> pyro.set_rng_seed(0)
        >>> filter = ExactFilter(TMaze())
        >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> planner = Variational(2, steps=100, guide=CategoricalPolicy(), precision=16.0)
        >>> planner(filter, start).action_probs.argmax().item()  # the cue
        3
    """

    def __call__(
        self, filter: Filter, horizon: int, shape: tuple[int, ...], begin: Tensor | None
    ) -> PolicyGuide:
        """See :class:`GuideFamily`."""
        sizes = control_sizes(filter.actions)
        if not sizes:
            raise ValueError(complain("model.actions", "a space of actions to plan over", None))
        return Categoricals(filter, sizes, horizon, shape)


class Categoricals(PolicyGuide):
    """The guide; ``logits`` are ``(restarts, *batch, time, controls, actions)``."""

    def __init__(
        self, filter: Filter, sizes: tuple[int, ...], horizon: int, shape: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.sizes, self.shape = sizes, shape
        free = torch.arange(max(sizes), device=filter.device) < torch.tensor(sizes)[:, None]
        self.barred = torch.where(free, 0.0, -math.inf).to(filter.dtype)  # (controls, actions)
        start = 0.1 * torch.randn(*shape, horizon, *self.barred.shape).to(self.barred)
        self.logits = nn.Parameter(start)

    def log_probs(self) -> Tensor:
        """Of each action, ``(restarts, *batch, time, controls, actions)``."""
        return (self.logits + self.barred).log_softmax(-1)

    def forward(self, belief: Belief) -> Any:
        """See :class:`PolicyGuide`."""
        logits = self.log_probs()
        if len(self.sizes) == 1:
            logits = logits.squeeze(-2)
        inner = logits.dim() - 1 - len(self.shape)
        with plates(torch.Size(self.shape)):
            return pyro.sample("policy", dist.Categorical(logits=logits).to_event(inner))

    def centers(self) -> Tensor:
        """See :class:`PolicyGuide`."""
        best = self.log_probs().argmax(-1)
        return best.squeeze(-1) if len(self.sizes) == 1 else best

    def action_probs(self, log_weights: Tensor) -> Tensor:
        """q(u) of the first action under weighted restarts: ``(*batch, *controls)``.

        Args:
            log_weights: ``(*batch, restarts)``.
        """
        first = self.log_probs().select(len(self.shape), 0)  # (restarts, *batch, controls, actions)
        joint = first[..., 0, : self.sizes[0]]
        for f, size in enumerate(self.sizes[1:], 1):
            joint = joint.unsqueeze(-1) + first[..., f, :size].reshape(*self.shape, *[1] * f, size)
        weights = log_weights.log_softmax(-1).movedim(-1, 0)
        weights = weights.reshape(*self.shape, *[1] * len(self.sizes))
        return (joint + weights).exp().sum(0)

    def step_on(self) -> None:
        """See :class:`PolicyGuide`."""
        with torch.no_grad():
            self.logits.copy_(one_step_on(self.logits, len(self.shape)))
