"""Generators that are answered at once."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from pyro_activeinf.behavior.engines.metric import Array
from pyro_activeinf.behavior.engines.together import finished, together


def counting(start: float, times: int) -> Generator[Array, tuple[float, Array], float]:
    total = 0.0
    for n in range(times):
        log_prob, gradient = yield np.array([start + n])
        total += log_prob + gradient[0]
    return total


def test_each_gets_its_own_answers_and_shapes_stay() -> None:
    shapes = []

    def answer(points: Array) -> tuple[Array, Array]:
        shapes.append(points.shape)
        return points[:, 0], 10 * points

    found = finished([counting(0.0, 3), counting(5.0, 1)], answer)

    assert found == [11 * (0 + 1 + 2), 11 * 5]
    assert shapes == [(2, 1)] * 3


def test_it_yields_after_each_time() -> None:
    driven = together([counting(0.0, 4)], lambda points: (points[:, 0], points))

    assert len(list(driven)) == 4
