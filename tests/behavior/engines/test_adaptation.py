"""Adaptation in the warm-up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pyro_activeinf.behavior.engines.adaptation import DualAveraging, windows


@pytest.mark.parametrize("warmup", [5, 20, 100, 150, 1000, 1500])
def test_windows_end_before_the_last_steps(warmup: int) -> None:
    before, ends = windows(warmup)

    assert before <= warmup
    assert ends == sorted(set(ends))
    assert all(before < end <= warmup for end in ends)


def test_the_step_comes_to_where_acceptance_is_the_target() -> None:
    rng, averaging = np.random.default_rng(0), DualAveraging(1.0, target=0.8)
    for _ in range(2000):
        averaging.update(math.exp(-averaging.step) * rng.uniform(0.9, 1.1))

    assert math.exp(-averaging.final) == pytest.approx(0.8, abs=0.02)


def test_nothing_learned_keeps_the_step() -> None:
    assert DualAveraging(0.3).final == 0.3
