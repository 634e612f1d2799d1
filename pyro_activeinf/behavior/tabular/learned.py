"""Agents over discrete states that learn their tables by counting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..choices import Choices
from ..chooser import Tracing
from .arrays import Arrays, Reading
from .course import Course, Learned, Lesson, Numbers, Rule
from .each import each
from .known import known_states
from .plans import Plan
from .record import Record
from .scores import require_told
from .serial import one_after_another
from .sites import Sites, joined
from .skeleton import Skeleton
from .weights import Number, Weights, sharpened


@dataclass(frozen=True)
class LearnedTables(Tracing):
    r"""Exact inference, planning, and counts that change with every time step.

    .. math:: a \leftarrow a_0 + (1 - \phi)(a - a_0) + \eta\, n

    with n as of :class:`~pyro_activeinf.learning.DirichletLearner`. A time step is over, and
    learned from, when all that is seen at it has been seen: before a choice, or at the end of a
    session. Counts outlast sessions. Where the occasion is the end of a session, it is learned
    from as a whole, in hindsight.
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
    told: int | None = None  # time steps whose preferences are known; None: all

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the persons."""
        name, event = next(iter(self.shapes.items()))
        return tuple(self.counts[name].shape[: -len(event)])

    @property
    def num_actions(self) -> int:
        """Number of actions; several controls are flattened, the last one fastest."""
        return math.prod(self.skeleton.tables.controls)

    @property
    def course(self) -> Course:
        """How they learn."""
        return Course(
            self.skeleton,
            self.sites,
            self.rule,
            self.batch_shape,
            self.fixed,
            self.counts,
            self.prior,
            self.rate,
            self.forgetting,
        )

    def initial(self) -> Lesson:
        """p(s_0), and the counts at first."""
        return self.course.initial()

    def trace(self, choices: Choices) -> Learned:
        """States at which each choice was made, ``(trials, *batch, *event)``."""
        course = self.course
        record = Record.of(choices, self.sites, len(self.batch_shape))
        found = known_states(course, record)
        found = one_after_another(course, record) if found is None else found
        counts = {
            name: record.at_trials(value, len(self.shapes[name]))
            for name, value in found.counts.items()
        }
        now, step = record.at_trials(found.now, 1), record.at_trials(found.step, 0)
        return Learned(now, counts, step, {})

    def restart(self, state: Lesson) -> Lesson:
        """Learn from the last time step, or the session, and begin anew."""
        course = self.course
        before = Learned(state.before, state.counts, state.step, state.memory)
        after = course.over(course.learned(state))
        kept = course.chosen(state.action >= 0, after, before)
        step = torch.zeros_like(state.step)
        nothing = course.nothing(step)
        new = torch.zeros_like(state.before)
        return Lesson(new, step - 1, nothing, step, kept.counts, kept.memory)

    def perceive(self, state: Lesson, cue: Mapping[str, Tensor]) -> Lesson:
        """More of the same time step; a site that was seen at it is not seen again."""
        return state._replace(seen=joined(state.seen, self.sites.positions("cue", cue)))

    def learn(self, state: Lesson, action: Tensor, outcome: Mapping[str, Tensor]) -> Lesson:
        """Learn from the time step that is over, and begin the next with an action."""
        course = self.course
        now, counts, step, memory = course.learned(state)
        seen = joined(course.nothing(step), self.sites.positions("outcome", outcome))
        return Lesson(now, action.expand(step.shape), seen, step + 1, counts, memory)

    def log_probs(self, state: Lesson | Learned) -> Tensor:
        """Log-probabilities of the next action; -inf after what is impossible."""
        learned = self.course.learned(state) if isinstance(state, Lesson) else state
        now = learned.now
        arrays, habit = self._arrays(learned.counts, tuple(now.shape[:-1]))
        require_told(learned.step + self.plan.depth, self.told)
        possible = now.amax(-1, keepdim=True) > -math.inf
        logits = self.plan.log_action_probs(
            arrays,
            Weights(self.precision, self.discount, habit),
            torch.where(possible, now, 0.0).softmax(-1).unsqueeze(-2),
            learned.step.expand(now.shape[:-1]).unsqueeze(-1),
        )
        found = sharpened(logits, self.action_precision).squeeze(-2)
        return torch.where(possible, found, -math.inf)

    def _arrays(self, counts: Numbers, shape: tuple[int, ...]) -> tuple[Arrays, Numbers]:
        """What is planned with, and the habit, under some counts ``(*shape, ..)``."""

        def one(fixed: tuple[Tensor, ...], counts: Numbers) -> tuple[Arrays, dict[str, Tensor]]:
            filled = self.skeleton.filled(fixed, counts)
            return self.reading(filled.tables, filled.preferences), filled.log_habit

        people, whole = len(self.batch_shape), len(shape)
        found: tuple[Arrays, Numbers] = each(one, shape, (self.fixed, people), (counts, whole))
        return found
