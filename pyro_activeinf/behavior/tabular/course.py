"""How tables are learned, time step by time step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...learning.dirichlet import updated
from .each import each
from .hindsight import added_up, blank, remembered
from .sites import Seen, Sites
from .skeleton import Skeleton
from .step import Step, believe, informed_by, usage
from .weights import Number

Numbers = Mapping[str, Tensor]  # by name of a table


class Lesson(NamedTuple):
    """Where someone is who learns: what a time step has told is learned when it is over."""

    before: Tensor  # (*batch, states): log-belief of the time step before
    action: Tensor  # (*batch): the action that led here; -1 where a session begins
    seen: Seen  # site: (*batch), position of what was seen at this time step; -1 if nothing was
    step: Tensor  # (*batch): time step
    counts: Numbers  # (*batch, *parents, size): before this time step
    memory: Numbers  # of the session, where it is learned from as a whole: see hindsight


class Learned(NamedTuple):
    """What someone believes and has learned when all that a time step shows has been seen."""

    now: Tensor  # (*batch, states): log-belief
    counts: Numbers  # (*batch, *parents, size)
    step: Tensor  # (*batch): time step
    memory: Numbers  # of the session


@dataclass(frozen=True)
class Rule:
    """Which tables learn, and when."""

    learns: frozenset[str]  # names of tables
    starts: frozenset[str]  # those that are drawn from where a session begins
    moves: frozenset[str]  # those that are drawn from between two time steps
    always: frozenset[str]  # the rest
    cap: float
    episodes: int | None = None  # sessions that are learned from together; None: each time step

    def due(self, name: str, begins: Tensor) -> Tensor:
        """Whether a table is drawn from at a time step, ``(*batch)``."""
        if name in self.always:
            return torch.ones_like(begins)
        return (begins & (name in self.starts)) | (~begins & (name in self.moves))


@dataclass(frozen=True)
class Course:
    """Tables of persons ``(*batch)`` that learn."""

    skeleton: Skeleton
    sites: Sites
    rule: Rule
    batch: tuple[int, ...]  # shape of the persons
    fixed: tuple[Tensor, ...]  # log-probabilities of tables without counts, (*batch, ..)
    counts: Numbers  # (*batch, *parents, size): at first
    prior: Numbers  # (*batch, *parents, size)
    rate: Number  # eta, (*batch)
    forgetting: Number  # phi, (*batch)

    def with_numbers(
        self, fixed: tuple[Tensor, ...], prior: Numbers, rates: Mapping[str, Tensor]
    ) -> Course:
        """The same course with other tensors."""
        rate = rates.get("rate", self.rate)
        forgetting = rates.get("forgetting", self.forgetting)
        return replace(self, fixed=fixed, prior=prior, rate=rate, forgetting=forgetting)

    def initial(self) -> Lesson:
        """p(s_0), and the counts at first."""
        step = torch.zeros(self.batch, dtype=torch.long)
        like = next(iter(self.counts.values()))
        before = like.new_zeros(*self.batch, self.skeleton.tables.joint_size)
        memory: Numbers = {}
        if self.rule.episodes is not None:
            kept = {name: self.counts[name] for name in sorted(self.rule.learns)}
            memory = blank(kept, self.batch, before.shape[-1])
        return Lesson(before, step - 1, self.nothing(step), step, dict(self.counts), memory)

    def nothing(self, step: Tensor) -> Seen:
        """Nothing was seen at a time step."""
        return dict.fromkeys(self.sites.all, torch.full_like(step, -1))

    def learned(self, lesson: Lesson) -> Learned:
        """Learn from a time step, of persons ``(*batch)`` or ``(*lead, *batch)``."""
        now, counts, memory = self._each(self._one, lesson)
        return Learned(now, counts, lesson.step, memory)

    def over(self, learned: Learned) -> Learned:
        """The session is over: learn from it as a whole, where that is the occasion."""
        if self.rule.episodes is None:
            return learned
        like = torch.zeros_like(learned.step)
        lesson = Lesson(learned.now, like, {}, like, learned.counts, learned.memory)
        counts, memory = self._each(self._over, lesson)
        return learned._replace(counts=counts, memory=memory)

    def chosen(self, mask: Tensor, new: Learned, old: Learned) -> Learned:
        """Counts and memory of one where something holds ``(*batch)``, of the other elsewhere."""
        people = len(self.batch)

        def of(first: Numbers, second: Numbers) -> Numbers:
            return {
                name: torch.where(wide(mask, value.dim() - people), first[name], value)
                for name, value in second.items()
            }

        return old._replace(counts=of(new.counts, old.counts), memory=of(new.memory, old.memory))

    def used(self, lesson: Lesson) -> tuple[Tensor, Numbers]:
        """The belief at a time step, and how often each entry of a table was used at it."""
        found: tuple[Tensor, Numbers] = self._each(self._used, lesson)
        return found

    def _each(self, function: Any, lesson: Lesson) -> Any:
        shape, people = tuple(lesson.step.shape), len(self.batch)
        rates = {"rate": self.rate, "forgetting": self.forgetting}
        trained = {name: value for name, value in rates.items() if isinstance(value, Tensor)}
        numbers = {name: value for name, value in rates.items() if name not in trained}
        return each(
            lambda state, prior, fixed, given: function(
                Lesson(*state), prior, fixed, {**numbers, **given}
            ),
            shape,
            (tuple(lesson), len(shape)),
            (dict(self.prior), people),
            (self.fixed, people),
            (trained, people),
        )

    def _used(
        self, lesson: Lesson, prior: Numbers, fixed: tuple[Tensor, ...], rates: Mapping[str, Number]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        filled = self.skeleton.filled(fixed, lesson.counts)
        step = Step(lesson.before, lesson.action, lesson.seen)
        believed = believe(filled, self.sites, step)
        return believed.log_probs, usage(filled, step, believed, informed_by(filled, step))

    def _one(
        self, lesson: Lesson, prior: Numbers, fixed: tuple[Tensor, ...], rates: Mapping[str, Number]
    ) -> tuple[Tensor, Numbers, Numbers]:
        """The belief of one person, and the counts after the time step."""
        if self.rule.episodes is not None:
            return self._remembered(lesson, fixed)
        now, used = self._used(lesson, prior, fixed, rates)
        counts = dict(lesson.counts)
        for name in sorted(self.rule.learns & used.keys()):
            due = self.rule.due(name, lesson.action < 0)
            new = self._updated(counts[name], prior[name], used[name], rates)
            counts[name] = torch.where(due, new, counts[name])
        return now, counts, {}

    def _updated(
        self, counts: Tensor, prior: Tensor, used: Tensor, rates: Mapping[str, Number]
    ) -> Tensor:
        return updated(counts, prior, used, rates["rate"], rates["forgetting"], self.rule.cap)

    def _remembered(
        self, lesson: Lesson, fixed: tuple[Tensor, ...]
    ) -> tuple[Tensor, Numbers, Numbers]:
        filled = self.skeleton.filled(fixed, lesson.counts)
        step = Step(lesson.before, lesson.action, lesson.seen)
        believed = believe(filled, self.sites, step)
        memory = remembered(lesson.memory, filled, step, believed)
        return believed.log_probs, dict(lesson.counts), memory

    def _over(
        self, lesson: Lesson, prior: Numbers, fixed: tuple[Tensor, ...], rates: Mapping[str, Number]
    ) -> tuple[Numbers, Numbers]:
        """The counts of one person after a session, where it is time to learn."""
        counts, memory = dict(lesson.counts), added_up(lesson.memory, lesson.before)
        due = memory["sessions"] >= (self.rule.episodes or 1)
        for name in sorted(self.rule.learns):
            waiting = memory[f"waiting/{name}"]
            new = self._updated(counts[name], prior[name], waiting, rates)
            counts[name] = torch.where(due, new, counts[name])
            memory[f"waiting/{name}"] = torch.where(due, 0.0, waiting)
        memory["sessions"] = torch.where(due, 0, memory["sessions"])
        return counts, memory


def wide(mask: Tensor, event: int) -> Tensor:
    """A mask ``(*batch)`` against ``(*batch, *event)``."""
    return mask.reshape(*mask.shape, *[1] * event)
