"""Several generators that ask for densities, all answered at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

import numpy as np

from .metric import Array
from .tree import Asking

Value = TypeVar("Value")
Answer = Callable[[Array], tuple[Array, Array]]


def together(
    courses: Sequence[Asking[Value]], answer: Answer
) -> Generator[None, None, list[Value]]:
    """Drive generators; yields after each time, and returns what they return.

    Args:
        courses: generators of points ``(dim,)`` that have not begun.
        answer: from points ``(courses, dim)`` to log-densities ``(courses,)`` and gradients. A
            generator that has ended asks for its last point again, so that shapes stay.
    """
    points = np.stack([next(course) for course in courses])
    ended: dict[int, Value] = {}
    while len(ended) < len(courses):
        log_probs, gradients = answer(points)
        for index, course in enumerate(courses):
            if index not in ended:
                try:
                    points[index] = course.send((float(log_probs[index]), gradients[index]))
                except StopIteration as end:
                    ended[index] = end.value
        yield
    return [ended[index] for index in range(len(courses))]


def finished(courses: Sequence[Asking[Value]], answer: Answer) -> list[Value]:
    """What generators return in the end."""
    driven = together(courses, answer)
    while True:
        try:
            next(driven)
        except StopIteration as end:
            found: list[Value] = end.value
            return found
