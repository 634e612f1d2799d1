"""Closed-loop plans, for beliefs of persons and trials at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ... import ops
from ..._checks import complain, readable_bytes
from ...planning import Sophisticated
from ...planning.posterior import log_habit
from ...planning.tree import all_policies
from .arrays import Arrays
from .plans import Plan
from .scores import look_ahead
from .weights import Weights, boltzmann, log_normalized, wide

LIMIT_BYTES = 2**31


@dataclass(frozen=True)
class Branching(Plan):
    r"""A recursion over actions and outcomes, see :class:`~pyro_activeinf.planning.Sophisticated`.

    .. math::
        G(b, u) = g(b, u) + \delta \, E_{q(o|b,u)} \Big[ \sum_{u'} q(u'|b') \, G(b', u') \Big]

    Equal beliefs are not merged; outcomes that nobody can meet are left out.
    """

    terms: frozenset[str]
    actions: Tensor  # (actions, 1[, controls]): every first step
    horizon: int
    threshold: float

    @classmethod
    def of(cls, planner: Sophisticated, controls: tuple[int, ...]) -> Branching:
        """The plan of a planner."""
        every = all_policies(controls, 1, torch.device("cpu"))
        return cls(planner.terms, every, planner.horizon, planner.threshold)

    @property
    def depth(self) -> int:
        """Number of steps that it looks ahead."""
        return self.horizon

    def log_action_probs(
        self, arrays: Arrays, weights: Weights, probs: Tensor, step: Tensor
    ) -> Tensor:
        """See :class:`Plan`."""
        values = self._values(arrays, weights, probs, step, self.horizon)
        return self._log_probs(values, weights)

    def _log_probs(self, values: Tensor, weights: Weights) -> Tensor:
        """log q(u|b) up to a constant, ``(*batch, rows, actions)``."""
        log_prior = log_habit(self.actions, weights.log_habit)
        log_prior = None if log_prior is None else log_prior.unsqueeze(-2)
        return boltzmann(values, weights.precision, log_prior)

    def _values(
        self, arrays: Arrays, weights: Weights, probs: Tensor, step: Tensor, depth: int
    ) -> Tensor:
        """G(b, u), ``(*batch, rows * n, actions)``, looking so many steps ahead."""
        then, energy = look_ahead(arrays, probs, step + self.horizon - depth + 1, self.terms)
        if depth == 1:
            return energy
        mass = then @ arrays.branches.unsqueeze(-3)
        pairs = (mass.detach() > self.threshold).flatten(0, -3).any(0).nonzero()
        action, outcome = pairs.unbind(-1)
        shown = mass[..., action, outcome]
        joint = then[..., action, :] * arrays.branches.mT[..., outcome, :].unsqueeze(-3)
        _require_room(joint, depth)
        after = joint / torch.where(shown > 0, shown, 1.0).unsqueeze(-1)
        ahead = self._mean(arrays, weights, after.flatten(-3, -2), step, depth - 1)
        ahead = ahead.unflatten(-1, (-1, len(pairs)))
        worth = torch.where(shown > self.threshold, ahead, 0.0)
        zero = torch.zeros_like(energy)
        future = zero.index_add(-1, action, torch.where(worth == 0, 0.0, shown * worth))
        return energy + wide(weights.discount) * future

    def _mean(
        self, arrays: Arrays, weights: Weights, probs: Tensor, step: Tensor, depth: int
    ) -> Tensor:
        """Expected G under q(u|b), ``(*batch, rows * n)``; infinite where nothing is possible."""
        values = self._values(arrays, weights, probs, step, depth)
        log_probs = log_normalized(self._log_probs(values, weights))
        found = torch.where(log_probs > -math.inf, log_probs.exp() * ops.finite(values), 0.0).sum(
            -1
        )
        return torch.where((log_probs == -math.inf).all(-1), math.inf, found)


def _require_room(joint: Tensor, depth: int) -> None:
    size = joint.numel() * joint.element_size()
    if size > LIMIT_BYTES:
        raise ValueError(
            complain(
                "horizon",
                f"plans whose beliefs fit into {readable_bytes(LIMIT_BYTES)}",
                f"{readable_bytes(size)} with {depth - 1} steps to go",
                "Shorten the horizon, set a threshold for improbable outcomes, or fit fewer "
                "persons or draws at a time.",
            )
        )
