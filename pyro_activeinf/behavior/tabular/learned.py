"""Agents over discrete states that learn their tables by counting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...learning.dirichlet import updated
from ..chooser import Chooser
from .arrays import Arrays, Reading
from .each import each
from .plans import Plan
from .sites import Seen, Sites, joined
from .skeleton import Skeleton
from .step import Step, believe, usage
from .weights import Number, Weights, sharpened

Numbers = Mapping[str, Tensor]  # by name of a table


class Lesson(NamedTuple):
    """Where someone is who learns: what a time step has told is learned when it is over."""

    before: Tensor  # (*batch, states): log-belief of the time step before
    action: Tensor  # (*batch): the action that led here; -1 where a session begins
    seen: Seen  # site: (*batch), position of what was seen at this time step; -1 if nothing was
    step: Tensor  # (*batch): time step
    counts: Numbers  # (*batch, *parents, size): before this time step


@dataclass(frozen=True)
class Rule:
    """Which tables learn, and when."""

    learns: frozenset[str]  # names of tables
    starts: frozenset[str]  # those of them that are drawn from where a session begins
    moves: frozenset[str]  # those that are drawn from between two time steps
    always: frozenset[str]  # the rest
    cap: float


@dataclass(frozen=True)
class LearnedTables(Chooser):
    r"""Exact inference, planning, and counts that change with every time step.

    .. math:: a \leftarrow a_0 + (1 - \phi)(a - a_0) + \eta\, n

    with n as of :class:`~pyro_activeinf.learning.DirichletLearner`. A time step is over, and
    learned from, when all that is seen at it has been seen: before a choice, or at the end of a
    session. Counts outlast sessions.
    """

    skeleton: Skeleton
    reading: Reading
    sites: Sites
    plan: Plan
    rule: Rule
    fixed: tuple[Tensor, ...]  # log-probabilities of tables without counts, (*batch, ..)
    shapes: Mapping[str, tuple[int, ...]]  # of counts, (*parents, size), by name of their table
    counts: Numbers  # (*batch, *parents, size): at first
    prior: Numbers  # (*batch, *parents, size)
    rate: Number  # eta, (*batch)
    forgetting: Number  # phi, (*batch)
    precision: Number  # gamma, (*batch)
    action_precision: Number  # alpha, (*batch)
    discount: Number = 1.0  # (*batch)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the persons."""
        name, event = next(iter(self.shapes.items()))
        return tuple(self.counts[name].shape[: -len(event)])

    @property
    def num_actions(self) -> int:
        """Number of actions; several controls are flattened, the last one fastest."""
        return math.prod(self.skeleton.tables.controls)

    def initial(self) -> Lesson:
        """p(s_0), and the counts at first."""
        step = torch.zeros(self.batch_shape, dtype=torch.long)
        like = next(iter(self.counts.values()))
        before = like.new_zeros(*self.batch_shape, self.skeleton.tables.joint_size)
        return Lesson(before, step - 1, self._nothing(step), step, dict(self.counts))

    def _nothing(self, step: Tensor) -> Seen:
        return dict.fromkeys(self.sites.all, torch.full_like(step, -1))

    def restart(self, state: Lesson) -> Lesson:
        """Learn from the last time step, and begin anew."""
        _, counts = self._learned(state)
        over = state.action >= 0
        kept = {
            name: torch.where(_wide(over, value), counts[name], value)
            for name, value in state.counts.items()
        }
        step = torch.zeros_like(state.step)
        return Lesson(torch.zeros_like(state.before), step - 1, self._nothing(step), step, kept)

    def perceive(self, state: Lesson, cue: Mapping[str, Tensor]) -> Lesson:
        """More of the same time step; a site that was seen at it is not seen again."""
        return state._replace(seen=joined(state.seen, self.sites.positions("cue", cue)))

    def learn(self, state: Lesson, action: Tensor, outcome: Mapping[str, Tensor]) -> Lesson:
        """Learn from the time step that is over, and begin the next with an action."""
        now, counts = self._learned(state)
        seen = joined(self._nothing(state.step), self.sites.positions("outcome", outcome))
        return Lesson(now, action.expand(state.step.shape), seen, state.step + 1, counts)

    def log_probs(self, state: Lesson) -> Tensor:
        """Log-probabilities of the next action; -inf after what is impossible."""
        now, counts = self._learned(state)
        arrays, habit = self._arrays(counts, tuple(now.shape[:-1]))
        possible = now.amax(-1, keepdim=True) > -math.inf
        logits = self.plan.log_action_probs(
            arrays,
            Weights(self.precision, self.discount, habit),
            torch.where(possible, now, 0.0).softmax(-1).unsqueeze(-2),
            state.step.unsqueeze(-1),
        )
        found = sharpened(logits, self.action_precision).squeeze(-2)
        return torch.where(possible, found, -math.inf)

    def _learned(self, state: Lesson) -> tuple[Tensor, Numbers]:
        """Log-belief of the time step, and the counts after it."""
        shape, people = tuple(state.step.shape), len(self.batch_shape)
        whole = len(shape)
        rates = {"rate": self.rate, "forgetting": self.forgetting}
        given = {name: value for name, value in rates.items() if isinstance(value, Tensor)}
        found: tuple[Tensor, Numbers] = each(
            lambda *args: self._one(rates, *args),
            shape,
            (tuple(state), whole),
            (dict(self.prior), people),
            (self.fixed, people),
            (given, people),
        )
        return found

    def _one(
        self,
        rates: Mapping[str, Number],
        state: tuple[Any, ...],
        prior: Numbers,
        fixed: tuple[Tensor, ...],
        given: Numbers,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One person at one trial."""
        lesson, rates = Lesson(*state), {**rates, **given}
        filled = self.skeleton.filled(fixed, lesson.counts)
        step = Step(lesson.before, lesson.action, lesson.seen)
        believed = believe(filled, self.sites, step)
        used, counts = usage(filled, step, believed), dict(lesson.counts)
        begins = lesson.action < 0
        for name in self.rule.learns & used.keys():
            due = self._due(name, begins)
            new = updated(
                counts[name],
                prior[name],
                used[name],
                rates["rate"],
                rates["forgetting"],
                self.rule.cap,
            )
            counts[name] = torch.where(due, new, counts[name])
        return believed.log_probs, counts

    def _due(self, name: str, begins: Tensor) -> Tensor:
        """Whether a table is drawn from at a time step."""
        rule = self.rule
        if name in rule.always:
            return torch.ones_like(begins)
        return (begins & (name in rule.starts)) | (~begins & (name in rule.moves))

    def _arrays(self, counts: Numbers, shape: tuple[int, ...]) -> tuple[Arrays, Numbers]:
        """What is planned with, and the habit, under some counts ``(*shape, ..)``."""

        def one(fixed: tuple[Tensor, ...], counts: Numbers) -> tuple[Arrays, dict[str, Tensor]]:
            filled = self.skeleton.filled(fixed, counts)
            return self.reading(filled.tables, filled.preferences), filled.log_habit

        people, whole = len(self.batch_shape), len(shape)
        found: tuple[Arrays, Numbers] = each(one, shape, (self.fixed, people), (counts, whole))
        return found


def _wide(mask: Tensor, value: Tensor) -> Tensor:
    """A mask ``(*batch)`` against ``(*batch, *event)``."""
    return mask.reshape(*mask.shape, *[1] * (value.dim() - mask.dim()))
