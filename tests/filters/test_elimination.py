"""Bucket elimination against the maximum over every joint state."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyro_activeinf.filters import elimination
from pyro_activeinf.filters.mean_field import LogJoint
from tests.filters.potentials import log_table, random_joint
from tests.oracles import Array, assert_close
from tests.strategies import SEEDS

ROWS = 3


def solved(joint: LogJoint) -> tuple[Array, Array, Array]:
    """log p(s, o) of the values found, their bound, and the true maximum; each (rows,)."""
    scopes = [*((f,) for f in range(len(joint.unary))), *(p.factors for p in joint.shared)]
    tables = [*joint.unary, *(p.log_values for p in joint.shared)]
    sizes = [u.shape[-1] for u in joint.unary]
    values, bound = elimination.most_probable(sizes, scopes, tables)
    table = log_table(joint)
    scores = table[(np.arange(ROWS), *(v.numpy() for v in values))]
    return scores, bound.numpy(), table.reshape(ROWS, -1).max(-1)


@settings(max_examples=60)
@given(seed=SEEDS, count=st.integers(2, 5), zeros=st.sampled_from([0.0, 0.4, 0.8]))
def test_finds_the_most_probable_joint_state(seed: int, count: int, zeros: float) -> None:
    scores, bound, truth = solved(random_joint(seed, ROWS, count, zeros))
    assert_close(scores, truth, 1e-10)
    assert_close(bound, truth, 1e-10)


def test_buckets_too_large_are_split_and_their_sum_is_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(elimination, "LIMIT_NUMBERS", 16)
    monkeypatch.setattr(elimination, "LIMIT_ROWS", 1)  # also row by row
    inexact = 0
    for seed in range(40):
        scores, bound, truth = solved(random_joint(seed, ROWS, 5))
        assert (scores <= truth + 1e-10).all()
        assert (bound >= truth - 1e-10).all()
        inexact += int((bound > truth + 1e-10).sum())
    assert inexact > 0


def test_the_bound_tells_when_no_state_is_possible() -> None:
    differ = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]).log()
    even = torch.zeros(1, 2)
    sizes, scopes = [2, 2, 2], [(0, 1), (1, 2), (0, 2), (0,)]  # no three bits differ in pairs
    _, bound = elimination.most_probable(sizes, scopes, [differ, differ, differ, even])
    assert float(bound) == -math.inf
    values, bound = elimination.most_probable(sizes, scopes[:2], [differ, differ])
    assert float(bound) == 0.0
    assert values[0] != values[1] != values[2]


def test_a_ring_takes_one_small_bucket_for_each_factor() -> None:
    count = 30
    scopes = tuple((f, (f + 1) % count) for f in range(count))
    plan = elimination.elimination((10,) * count, scopes, 2**14)
    assert sorted(bucket.factor for bucket in plan) == list(range(count))
    assert max(len(bucket.scope) for bucket in plan) == 3
