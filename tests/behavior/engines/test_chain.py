"""A chain with its warm-up, on densities in closed form that cost nothing."""

from __future__ import annotations

import numpy as np
import pytest

from pyro_activeinf.behavior.engines.chain import Chain, Plan
from pyro_activeinf.behavior.engines.metric import Array, Dense, Diagonal, Metric
from pyro_activeinf.behavior.engines.together import finished

SPREAD = np.array([0.01, 1.0, 50.0])


def normal(points: Array) -> tuple[Array, Array]:
    gradients = -points / SPREAD**2
    return 0.5 * (points * gradients).sum(-1), gradients


def gone(metric: Metric, draws: int = 1500, seed: int = 0) -> Chain:
    plan = Plan(draws, warmup=400, target_accept=0.8, max_depth=10)
    chain = Chain(plan, SPREAD * 0.5, metric, np.random.default_rng(seed))
    finished([chain.go()], normal)
    return chain


@pytest.mark.parametrize(
    "metric", [Diagonal(np.ones(3)), Dense(np.eye(3))], ids=["diagonal", "dense"]
)
def test_scales_that_differ_are_learned(metric: Metric) -> None:
    chain = gone(metric)

    drawn = np.stack(chain.points) / SPREAD
    learned = (
        chain.metric.velocity(np.ones(3))
        if isinstance(metric, Diagonal)
        else np.diag(
            chain.metric.covariance  # type: ignore[attr-defined]
        )
    )

    np.testing.assert_allclose(drawn.mean(0), 0.0, atol=0.12)
    np.testing.assert_allclose(drawn.std(0), 1.0, atol=0.1)
    assert np.abs(np.log(learned[1:] / SPREAD[1:] ** 2)).max() < 0.7
    assert np.mean([facts.steps for facts in chain.facts]) < 10  # thousands with a metric of ones


def test_acceptance_comes_to_its_target() -> None:
    chain = gone(Diagonal(SPREAD**2), draws=600)

    assert np.mean([facts.accept for facts in chain.facts]) == pytest.approx(0.8, abs=0.12)


def test_it_counts_what_it_has_done() -> None:
    chain = gone(Diagonal(SPREAD**2), draws=7)

    assert (chain.warmed, len(chain.points), chain.done) == (400, 7, 407)


def test_the_generator_says_which_draws() -> None:
    first, same, other = (gone(Diagonal(SPREAD**2), 5, seed).points[-1] for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, same)
    assert (first != other).all()
