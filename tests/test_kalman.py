"""The recursions agree with one big Gaussian."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import kalman
from tests.oracles import assert_close
from tests.strategies import SEEDS


@given(SEEDS, st.integers(1, 3), st.integers(1, 3), st.sampled_from([None, 1, 2]), st.booleans())
@settings(max_examples=40)
def test_recursions_are_the_conditional_of_one_gaussian(
    seed: int, n: int, m: int, k: int | None, missing: bool
) -> None:
    system = kalman.random_system(seed, n, m, k)
    episode = kalman.simulate(system, seed, 5, missing=0.4 if missing else 0.0)
    found, expected = kalman.smooth(system, *episode), kalman.joint_posterior(system, *episode)
    assert found.log_evidence == pytest.approx(expected.log_evidence, abs=1e-8)
    assert_close(found.means.ravel(), expected.mean, 1e-8)
    for t, cov in enumerate(found.covs):
        at = slice(t * n, (t + 1) * n)
        assert_close(cov, expected.cov[at, at], 1e-8)
