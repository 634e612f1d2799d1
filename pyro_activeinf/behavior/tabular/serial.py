"""Learning over all trials, one after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import get_proxy_mode
from torch.utils import _pytree as pytree

from ..graphs import graph_of, in_two
from .course import Course, Learned, Lesson
from .record import Record
from .sites import Seen

Learn = Callable[[Lesson], Learned]


def one_after_another(course: Course, record: Record) -> Learned:
    """What is believed and learned when each choice is made, ``(time, *batch, *event)``."""
    lesson, found, learn = course.initial(), list[Learned](), by_graph(course)
    learned = Learned(lesson.before, lesson.counts, lesson.step, lesson.memory)
    for t in range(len(record.moves)):
        if t:
            lesson = _on(course, learn, record, learned, t)
        seen = {name: value[t].expand(course.batch) for name, value in record.seen.items()}
        learned = learn(lesson._replace(seen={**lesson.seen, **seen}))
        found.append(learned._replace(memory={}))
    return pytree.tree_map(lambda *each: torch.stack(each), *found)


def _on(course: Course, learn: Learn, record: Record, learned: Learned, time: int) -> Lesson:
    """The time step after a choice: what it brought, or another session."""
    starts, moves = record.starts[time], record.moves[time].expand(course.batch)
    last = {name: value[time] for name, value in record.last.items()}
    if bool(starts.any()):
        learned = _ended(course, learn, learned, moves, last, starts)
    action = torch.where(starts, -1, moves)
    step = record.step[time].expand(course.batch)
    nothing = course.nothing(step)
    return Lesson(learned.now, action, nothing, step, learned.counts, learned.memory)


def _ended(
    course: Course, learn: Learn, learned: Learned, moves: Tensor, last: Seen, starts: Tensor
) -> Learned:
    """Where a session is over, what its last action brought is learned from."""
    step = learned.step + 1
    seen = {name: value.expand(course.batch) for name, value in last.items()}
    whole = {**course.nothing(step), **seen}
    lesson = Lesson(learned.now, moves, whole, step, learned.counts, learned.memory)
    return course.chosen(starts, course.over(learn(lesson)), learned)


def by_graph(course: Course) -> Learn:
    """``course.learned``; by a graph, where it is asked for again and again."""
    found, spec = pytree.tree_flatten(_given(course))
    pieces = [piece.contiguous() for piece in found]
    lesson = course.initial()
    moving, form = pytree.tree_flatten(_moving(lesson))
    key = (course.batch, moving[0].dtype, str(form), str(spec), course.rule, _numbers(course))
    graphs = course.skeleton.graphs
    if get_proxy_mode() is not None or key not in graphs:
        graphs.setdefault(key, None)  # the first time, it is not worth a graph
        return course.learned
    if graphs[key] is None:
        graphs[key] = _traced(course, form, spec, [*moving, *pieces], len(moving))
    before, after = graphs[key]
    early, names = before(*pieces), sorted(lesson.counts)
    others = sorted(lesson.memory)

    def learn(lesson: Lesson) -> Learned:
        given = (value.contiguous() for value in pytree.tree_leaves(_moving(lesson)))
        now, *rest = after(*given, *early)
        counts = dict(zip(names, rest[: len(names)], strict=True))
        memory = dict(zip(others, rest[len(names) :], strict=True))
        return Learned(now, counts, lesson.step, memory)

    return learn


def _traced(course: Course, form: Any, spec: Any, example: list[Tensor], late: int) -> Any:
    def run(*values: Tensor) -> list[Tensor]:
        before, action, seen, counts, memory = pytree.tree_unflatten(list(values[:late]), form)
        lesson = Lesson(before, action, seen, torch.zeros_like(action), counts, memory)
        found = course.with_numbers(*pytree.tree_unflatten(list(values[late:]), spec))
        now, counts, _, memory = found.learned(lesson)
        parts = [value[name] for value in (counts, memory) for name in sorted(value)]
        return [now, *parts]

    return in_two(graph_of(run, example), late)


def _moving(lesson: Lesson) -> Any:
    """What changes from one time step to the next."""
    held = (dict(sorted(part.items())) for part in (lesson.seen, lesson.counts, lesson.memory))
    return lesson.before, lesson.action, *held


def _given(course: Course) -> Any:
    """What stays: tensors of a course."""
    rates = {"rate": course.rate, "forgetting": course.forgetting}
    trained = {name: value for name, value in rates.items() if isinstance(value, Tensor)}
    return course.fixed, dict(course.prior), trained


def _numbers(course: Course) -> tuple[float | None, ...]:
    """Rates that are numbers, and not tensors."""
    rates = course.rate, course.forgetting
    return tuple(None if isinstance(rate, Tensor) else rate for rate in rates)
