"""Rates and their confidence intervals."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from pyro_activeinf.demo.proportion import Proportion


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (0, 20), (13, 50), (199, 200)])
def test_the_interval_is_wilsons(successes: int, trials: int, level: float) -> None:
    expected = binomtest(successes, trials).proportion_ci(level, method="wilson")
    found = Proportion(successes, trials).interval(level)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_interval_holds_the_rate_and_stays_within_probabilities() -> None:
    for trials in range(1, 300):
        never, always = Proportion(0, trials).interval(), Proportion(trials, trials).interval()
        assert never[0] == 0.0 < never[1] < 1.0
        assert 0.0 < always[0] < always[1] == 1.0


def test_outcomes_are_counted() -> None:
    found = Proportion.of([True, False, True, True])
    assert (found.successes, found.trials, found.rate) == (3, 4, 0.75)
