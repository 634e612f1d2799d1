"""Agents over discrete states whose model stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ... import ops
from ..choices import Choices
from ..chooser import Anew, Tracing
from .arrays import Arrays
from .matrices import chain
from .plans import Plan
from .record import Record
from .rows import gathered, picked, spread_out
from .scan import filtered
from .scores import require_told
from .sites import Seen, Sites, joined, joint
from .weights import Number, Weights, barrier, sharpened, some


class Standing(NamedTuple):
    """Where someone is."""

    log_probs: Tensor  # (*batch, states): belief; -inf throughout after what is impossible
    step: Tensor  # (*batch): time step
    seen: Seen  # site: (*batch), position of what was seen at this time step; -1 if nothing was


@dataclass(frozen=True)
class FixedTables(Tracing, Anew):
    r"""Exact inference and planning with tables that stay as they are.

    .. math::
        q(s_t) \propto p(o_t|s_t) \sum_{s_{t-1}} p(s_t|s_{t-1}, u_{t-1}) q(s_{t-1}), \qquad
        p(u) \propto \Big( \sum_{\pi: \pi_1 = u} p(\pi) e^{-\gamma G(\pi)} \Big)^\alpha

    Beliefs of all trials come from one scan that is parallel in time.
    """

    arrays: Arrays
    sites: Sites
    plan: Plan
    log_habit: Mapping[str, Tensor]  # site of the habit: (*batch, values)
    precision: Number  # gamma, (*batch)
    action_precision: Number  # alpha, (*batch)
    discount: Number = 1.0  # (*batch)
    told: int | None = None  # time steps whose preferences are known; None: all

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the persons."""
        return tuple(self.arrays.log_initial.shape[:-1])

    @property
    def num_actions(self) -> int:
        """Number of actions; several controls are flattened, the last one fastest."""
        return self.arrays.log_transition.shape[-3]

    def initial(self) -> Standing:
        """p(s_0)."""
        step = torch.zeros(self.batch_shape, dtype=torch.long)
        seen = dict.fromkeys(self.sites.all, step - 1)
        return Standing(self.arrays.log_initial, step, seen)

    def restart(self, state: Standing) -> Standing:
        """Another session begins as the first one did."""
        lead = state.step.shape[: state.step.dim() - len(self.batch_shape)]
        first = self.initial()
        return Standing(
            first.log_probs.expand(*lead, *first.log_probs.shape),
            first.step.expand(*lead, *first.step.shape),
            {name: value.expand(*lead, *value.shape) for name, value in first.seen.items()},
        )

    def perceive(self, state: Standing, cue: Mapping[str, Tensor]) -> Standing:
        """Another update at the same time step; a site that was seen at it is not seen again."""
        return self._told(state, self.sites.positions("cue", cue))

    def learn(self, state: Standing, action: Tensor, outcome: Mapping[str, Tensor]) -> Standing:
        """Predict with an action, then update with its outcome."""
        matrix = picked(self.arrays.log_transition, action, 2)
        moved = ops.log_vecmat(state.log_probs, matrix)
        seen = {name: torch.full_like(state.step, -1) for name in state.seen}
        then = Standing(moved, state.step + 1, seen)
        return self._told(then, self.sites.positions("outcome", outcome))

    def _told(self, state: Standing, new: Seen) -> Standing:
        seen = joined(state.seen, new)
        log_probs = state.log_probs
        for group, table in zip(self.sites.groups, self.arrays.log_evidence, strict=True):
            names = [site.name for site in group if site.name in new]
            if names:
                after, before = (joint(group, each) for each in (seen, state.seen))
                known = picked(table, before, 1)
                log_probs = log_probs + picked(table, after, 1) - ops.finite(known)
        total = ops.logsumexp(log_probs, -1).unsqueeze(-1)
        return Standing(log_probs - ops.finite(total), state.step, seen)

    def trace(self, choices: Choices) -> Standing:
        """States at which each choice was made, ``(trials, *batch, *event)``."""
        record = Record.of(choices, self.sites, len(self.batch_shape))
        arrays = self.arrays
        numbers = arrays.log_initial, arrays.log_transition, arrays.log_evidence
        beliefs = filtered(chain(*numbers, self.sites, record))
        return Standing(record.at_trials(beliefs, 1), record.at_trials(record.step, 0), {})

    def log_probs(self, state: Standing) -> Tensor:
        """Log-probabilities of the next action; -inf after what is impossible."""
        belief = state.log_probs
        lead = tuple(belief.shape[: belief.dim() - len(self.batch_shape) - 1])
        require_told(state.step + self.plan.depth, self.told)
        probs = some(belief).movedim(-1, 0).softmax(0).movedim(0, -1)
        step = state.step.expand(belief.shape[:-1]).unsqueeze(-1)
        logits = self.plan.log_action_probs(
            self.arrays,
            Weights(self.precision, self.discount, self.log_habit),
            gathered(probs, len(lead)),
            gathered(step, len(lead)).squeeze(-1),
        )
        found = spread_out(sharpened(logits, self.action_precision), lead)
        return found + barrier(-belief.detach().amax(-1, keepdim=True))
