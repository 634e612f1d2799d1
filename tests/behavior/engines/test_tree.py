"""One chain of the No-U-Turn sampler."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from pyro_activeinf.behavior.engines.metric import Array, Dense, Diagonal, Metric
from pyro_activeinf.behavior.engines.together import finished
from pyro_activeinf.behavior.engines.tree import (
    Moved,
    Phase,
    at,
    energy,
    leapfrog,
    reasonable_step,
    transition,
)

COVARIANCE = np.array([[1.0, 0.8], [0.8, 1.0]])
PRECISION = np.linalg.inv(COVARIANCE)
UNIT = Diagonal(np.ones(2))


def normal(points: Array) -> tuple[Array, Array]:
    gradients = -points @ PRECISION
    return 0.5 * (points * gradients).sum(-1), gradients


def ask(course: object, answer: object = normal) -> object:
    return finished([course], answer)[0]  # type: ignore[list-item,arg-type]


def phase_at(z: Array, momentum: Array) -> Phase:
    return ask(at(z))._replace(momentum=momentum)  # type: ignore[attr-defined]


def walked(metric: Metric, step: float, draws: int) -> list[Moved]:
    rng, moves = np.random.default_rng(0), []
    phase = phase_at(np.zeros(2), np.zeros(2))
    for _ in range(draws):
        moves.append(ask(transition(phase, metric, step, rng, 8)))
        phase = moves[-1].phase
    return moves


def test_a_step_back_undoes_a_step() -> None:
    start = phase_at(np.array([0.3, -1.2]), np.array([0.7, 0.1]))

    there = ask(leapfrog(start, 0.3, UNIT))
    back = ask(leapfrog(there, -0.3, UNIT))

    for name in ("z", "momentum"):
        np.testing.assert_allclose(getattr(back, name), getattr(start, name), atol=1e-14)


def test_energy_is_lost_by_the_square_of_the_step() -> None:
    start = phase_at(np.array([0.3, -1.2]), np.array([0.7, 0.1]))
    lost = []
    for halving in range(2):
        phase, step = start, 0.1 / 2**halving
        for _ in range(10 * 2**halving):
            phase = ask(leapfrog(phase, step, UNIT))
        lost.append(abs(energy(phase, UNIT) - energy(start, UNIT)))

    assert 3.5 < lost[0] / lost[1] < 4.5


@pytest.mark.parametrize("metric", [UNIT, Dense(COVARIANCE)], ids=["diagonal", "dense"])
def test_draws_have_the_moments_of_a_normal_distribution(metric: Metric) -> None:
    drawn = np.stack([move.phase.z for move in walked(metric, 0.6, 10_000)])

    np.testing.assert_allclose(drawn.mean(0), 0.0, atol=0.07)
    np.testing.assert_allclose(np.cov(drawn.T), COVARIANCE, atol=0.09)


def test_the_tails_are_those_of_a_density_that_is_not_normal() -> None:
    def logistic(points: Array) -> tuple[Array, Array]:
        s = 1 / (1 + np.exp(-points[:, 0]))
        return np.log(s * (1 - s)), (1 - 2 * s)[:, None]

    rng, phase, drawn = np.random.default_rng(1), None, []
    phase = ask(at(np.zeros(1)), logistic)
    for _ in range(6000):
        move = ask(transition(phase, Diagonal(np.ones(1)), 1.5, rng, 8), logistic)
        phase = move.phase
        drawn.append(phase.z[0])

    for q in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert abs(np.mean(np.array(drawn) < np.log(q / (1 - q))) - q) < 0.025


def test_a_trajectory_that_loses_its_energy_is_told() -> None:
    def steep(points: Array) -> tuple[Array, Array]:
        return -1e6 * (points**2).sum(-1), -2e6 * points

    start = ask(at(np.ones(2)), steep)
    move = ask(transition(start, UNIT, 1.0, np.random.default_rng(0), 8), steep)

    assert move.facts.diverging
    np.testing.assert_array_equal(move.phase.z, start.z)


def test_trajectories_are_cut_short() -> None:
    start = phase_at(np.zeros(2), np.zeros(2))

    move = ask(transition(start, UNIT, 1e-4, np.random.default_rng(0), 3))

    assert (move.facts.depth, move.facts.steps) == (3, 7)


def test_a_reasonable_step_is_of_the_scale_of_the_density() -> None:
    def narrow(scale: float, points: Array) -> tuple[Array, Array]:
        return -0.5 * ((points / scale) ** 2).sum(-1), -points / scale**2

    for scale in (1e-3, 1.0, 1e3):
        answer = partial(narrow, scale)
        start = ask(at(np.full(2, scale)), answer)
        step = ask(reasonable_step(start, UNIT, np.random.default_rng(0)), answer)
        assert scale / 8 < step < scale * 8
