"""Metrics of Hamiltonian dynamics."""

from __future__ import annotations

import numpy as np
import pytest

from pyro_activeinf.behavior.engines.metric import Dense, Diagonal, Metric

COVARIANCE = np.array([[2.0, 0.6], [0.6, 0.5]])


@pytest.mark.parametrize(
    ("metric", "covariance"),
    [(Diagonal(np.array([2.0, 0.5])), np.diag([2.0, 0.5])), (Dense(COVARIANCE), COVARIANCE)],
)
def test_momenta_have_the_inverse_covariance(metric: Metric, covariance: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    drawn = np.stack([metric.momentum(rng) for _ in range(20_000)])

    np.testing.assert_allclose(np.cov(drawn.T), np.linalg.inv(covariance), atol=0.08)
    np.testing.assert_allclose(metric.velocity(drawn[0]), covariance @ drawn[0], rtol=1e-12)


def test_metrics_are_estimated_from_points() -> None:
    points = np.random.default_rng(1).multivariate_normal([0.0, 0.0], COVARIANCE, 20_000)

    dense = Dense(np.eye(2)).estimated(points)
    diagonal = Diagonal(np.ones(2)).estimated(points)

    np.testing.assert_allclose(dense.covariance, COVARIANCE, atol=0.05)
    np.testing.assert_allclose(diagonal.variance, np.diag(dense.covariance), rtol=1e-9)


def test_few_points_are_shrunk() -> None:
    points = np.array([[0.0], [2.0]])

    found = Diagonal(np.ones(1)).estimated(points)

    np.testing.assert_allclose(found.variance, [(2 * 2.0 + 0.005) / 7], rtol=1e-12)
    np.testing.assert_allclose(Dense(np.eye(1)).estimated(points).covariance[0], found.variance)
