"""Learning over all trials at once, where states are known for certain."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ...filters.joint import dynamics
from ..peers.linear import recursion
from .arrays import evidence_tables
from .course import Course, Learned, Lesson, Numbers, wide
from .each import each
from .matrices import chain
from .record import Record
from .scan import filtered
from .sites import Seen


def known_states(course: Course, record: Record) -> Learned | None:
    r"""What is learned where neither beliefs nor what is counted depend on it.

    .. math:: a_t - a_0 = (1 - \phi)(a_{t-1} - a_0) + \eta \, n_t

    is linear in the counts then, and followed in a logarithmic number of steps. States are known
    for certain where they are even if the tables that learn tell nothing.

    Returns:
        As of :func:`~.serial.one_after_another`; ``None`` where something is not certain.
    """
    if math.isfinite(course.rule.cap) or course.rule.episodes is not None:
        return None
    with torch.no_grad():
        now = _certain_states(course, record)
        if now is None:
            return None
        lessons = [_lesson(course, record, now, record.seen, begins=True)]
        if bool(record.starts[1:].any()):
            lessons.insert(0, _lesson(course, record, now, record.last, begins=False))
        used = [certain for one in lessons if (certain := _certain(course, one)) is not None]
    if len(used) < len(lessons):
        return None
    counts = _counts(course, record, lessons, used)
    return Learned(now, counts, record.step.expand(now.shape[:-1]), {})


def _certain_states(course: Course, record: Record) -> Tensor | None:
    """log q(s), ``(time, *batch, states)``, where all are certain; else ``None``."""

    def one(fixed: tuple[Tensor, ...], counts: Numbers) -> tuple[Tensor, Tensor, Sequence[Tensor]]:
        tables = course.skeleton.filled(fixed, counts).tables
        moves = dynamics(tables)
        return moves.log_initial, moves.log_transition, evidence_tables(tables)

    people = len(course.batch)
    nothing = {name: torch.ones_like(value) for name, value in course.counts.items()}
    arrays = each(one, course.batch, (course.fixed, people), (nothing, people))
    found = filtered(chain(*arrays, course.sites, record)).isfinite()
    if bool((found.sum(-1) != 1).any()):
        return None
    return torch.where(found, 0.0, -math.inf).to(arrays[0])


def _lesson(course: Course, record: Record, now: Tensor, seen: Seen, begins: bool) -> Lesson:
    """All time steps at once, under the counts at first.

    Args:
        begins: whether sessions begin; else they have all gone on to the step that ended them.
    """
    shape = now.shape[:-1]
    before = torch.cat([now[:1], now[:-1]])
    moves = torch.where(record.starts, -1, record.moves) if begins else record.moves
    step = record.step.expand(shape)
    whole = {name: value.expand(shape) for name, value in seen.items()}
    counts = {n: value.expand(len(now), *value.shape) for n, value in course.counts.items()}
    return Lesson(before, moves.expand(shape), {**course.nothing(step), **whole}, step, counts, {})


def _certain(course: Course, lesson: Lesson) -> Numbers | None:
    """How often entries of tables are used, ``None`` where that depends on the counts."""
    other = {
        name: value * torch.linspace(1.0, 2.0, value.shape[-1]).to(value)
        for name, value in lesson.counts.items()
    }
    (now, used), (_, again) = map(course.used, (lesson, lesson._replace(counts=other)))
    same = [torch.isclose(value, again[name]).all() for name, value in used.items()]
    return used if bool(torch.stack(same).all()) and bool((now > -math.inf).any(-1).all()) else None


def _counts(
    course: Course, record: Record, lessons: Sequence[Lesson], used: Sequence[Numbers]
) -> dict[str, Tensor]:
    """Counts after each choice's time step, ``(time, *batch, *parents, size)``."""
    found = {n: value.expand(len(record.moves), *value.shape) for n, value in course.counts.items()}
    for name in course.rule.learns & used[0].keys():
        due = [course.rule.due(name, lesson.action < 0) for lesson in lessons]
        if len(lessons) > 1:  # sessions end before others begin, but for the first
            later = torch.arange(len(record.starts)) > 0
            due[0] = due[0] & record.starts & wide(later, record.starts.dim() - 1)
        found[name] = _followed(course, name, due, [numbers[name] for numbers in used])
    return found


def _followed(course: Course, name: str, due: Sequence[Tensor], used: Sequence[Tensor]) -> Tensor:
    """The counts of a table, from how often it was used at the time steps in turn."""
    prior, start, people = course.prior[name], course.counts[name], len(course.batch)
    event = prior.dim() - people
    masks, terms = (torch.stack(list(each), 1).flatten(0, 1) for each in (due, used))
    rate, kept = _wide(course.rate, event), 1 - _wide(course.forgetting, event)
    factor = torch.where(wide(masks, event), kept, 1.0).to(prior)
    term = torch.where(wide(masks, event), rate * terms.to(prior), 0.0)
    first = term[:1] + factor[:1] * (start - prior)
    away = recursion(factor, torch.cat([first, term[1:]]))
    return (prior + away)[len(due) - 1 :: len(due)]


def _wide(number: Tensor | float, event: int) -> Tensor:
    """A number of persons against ``(*batch, *event)``."""
    tensor = torch.as_tensor(number)
    return tensor.reshape(*tensor.shape, *[1] * event) if tensor.dim() else tensor
