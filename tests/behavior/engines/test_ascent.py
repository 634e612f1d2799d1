"""Ways up to a mode."""

from __future__ import annotations

import numpy as np

from pyro_activeinf.behavior.engines.ascent import bfgs, updated
from pyro_activeinf.behavior.engines.metric import Array
from pyro_activeinf.behavior.engines.together import finished


def rosenbrock(points: Array) -> tuple[Array, Array]:
    x, y = points.T
    fell = np.stack([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)], -1)
    return -((1 - x) ** 2) - 100 * (y - x**2) ** 2, -fell


def test_curved_valleys_are_followed_to_their_end() -> None:
    starts = np.array([[-1.2, 1.0], [2.0, -3.0], [0.0, 0.0]])

    found = finished([bfgs(start, 500, 1e-9) for start in starts], rosenbrock)

    for summit in found:
        np.testing.assert_allclose(summit.z, [1.0, 1.0], atol=1e-8)


def test_a_step_gives_the_curvature_along_it() -> None:
    curvature, moved = np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([0.3, -0.4])

    inverse = updated(np.eye(2), moved, curvature @ moved)

    np.testing.assert_allclose(inverse @ curvature @ moved, moved, atol=1e-12)
    np.testing.assert_array_equal(updated(np.eye(2), moved, -moved), np.eye(2))


def test_where_nothing_is_higher_it_stops() -> None:
    def cliff(points: Array) -> tuple[Array, Array]:
        return np.where(np.abs(points[:, 0]) > 0, -np.inf, 0.0), np.ones_like(points)

    (summit,) = finished([bfgs(np.zeros(1), 10, 1e-9)], cliff)

    assert summit.z == 0.0
