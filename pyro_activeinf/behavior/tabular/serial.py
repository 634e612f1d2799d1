"""Learning over all trials, one after another."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from .course import Course, Learned, Lesson, wide
from .record import Record
from .sites import Seen


def one_after_another(course: Course, record: Record) -> Learned:
    """What is believed and learned when each choice is made, ``(time, *batch, *event)``."""
    lesson, found = course.initial(), list[Learned]()
    for t in range(len(record.moves)):
        if t:
            lesson = _on(course, record, found[-1], t)
        seen = {name: value[t].expand(course.batch) for name, value in record.seen.items()}
        found.append(course.learned(lesson._replace(seen={**lesson.seen, **seen})))
    return pytree.tree_map(lambda *each: torch.stack(each), *found)


def _on(course: Course, record: Record, learned: Learned, time: int) -> Lesson:
    """The time step after a choice: what it brought, or another session."""
    starts, moves = record.starts[time], record.moves[time].expand(course.batch)
    last = {name: value[time] for name, value in record.last.items()}
    if bool(starts.any()):
        learned = _ended(course, learned, moves, last, starts)
    action = torch.where(starts, -1, moves)
    step = record.step[time].expand(course.batch)
    return Lesson(learned.now, action, course.nothing(step), step, learned.counts)


def _ended(course: Course, learned: Learned, moves: Tensor, last: Seen, starts: Tensor) -> Learned:
    """Where a session is over, what its last action brought is learned from."""
    step = learned.step + 1
    seen = {name: value.expand(course.batch) for name, value in last.items()}
    lesson = Lesson(learned.now, moves, {**course.nothing(step), **seen}, step, learned.counts)
    after = course.learned(lesson)
    people = len(course.batch)
    counts = {
        name: torch.where(wide(starts, value.dim() - people), after.counts[name], value)
        for name, value in learned.counts.items()
    }
    return learned._replace(counts=counts)
