"""Trees scored in one product, depth by depth, and prefix by prefix agree."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pyro_activeinf.filters import ExactFilter, JointBelief
from pyro_activeinf.models import POMDP
from pyro_activeinf.planning.tree import all_policies, policy_tree
from pyro_activeinf.records import ALL_TERMS, ExpectedFreeEnergyTerms


def random_model(seed: int, actions: int, states: int = 4, forbid: bool = False) -> POMDP:
    rng = np.random.default_rng(seed)
    wanted = rng.normal(size=3)
    if forbid:
        wanted[0] = -np.inf
    return POMDP(
        [rng.dirichlet(np.ones(3), states).T, rng.dirichlet(np.ones(2), states).T],
        [np.stack([rng.dirichlet(np.ones(states), states).T for _ in range(actions)], -1)],
        C=[wanted, rng.normal(size=2)],
    )


def one_by_one(exact: ExactFilter, belief: JointBelief, actions: int, horizon: int) -> Tensor:
    found = []
    for length in range(1, horizon + 1):
        for policy in itertools.product(range(actions), repeat=length):
            current = belief
            for action in policy:
                current = exact.predict(current, action)
            found.append(exact.expected_free_energy(current).values)
    return torch.stack(found, -3)


@pytest.mark.parametrize("limit", [0, 2**30])
@given(seed=st.integers(0, 10**6), actions=st.integers(2, 3), forbid=st.booleans())
def test_sweeps_agree_with_single_predictions(
    limit: int, seed: int, actions: int, forbid: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pyro_activeinf.filters.sweep.UNROLLED_NUMBERS", limit)
        patch.setattr("pyro_activeinf.filters.sweep.CACHED_NUMBERS", 40)  # cut into pieces
        exact = ExactFilter(random_model(seed, actions, forbid=forbid))
        belief = exact.update(exact.initial((2, 3)), {"o0": torch.randint(3, (2, 3))})
        tree = policy_tree(all_policies([actions], 3, torch.device("cpu")), [actions])
        found = exact.sweep(belief, tree)
        assert found is not None
        expected = one_by_one(exact, belief, actions, 3)
        torch.testing.assert_close(found.values, expected, rtol=1e-10, atol=1e-12)
        total = ExpectedFreeEnergyTerms(expected, exact.observation_sites).total
        torch.testing.assert_close(found.select(ALL_TERMS), total, rtol=1e-10, atol=1e-12)


def test_some_policies_alone_are_swept_where_that_is_small() -> None:
    exact = ExactFilter(random_model(1, 3))
    policies = torch.tensor([[0, 2], [1, 1], [2, 0]])
    found = exact.sweep(exact.initial(), policy_tree(policies, [3]))
    everything = one_by_one(exact, exact.initial(), 3, 2)
    assert found is not None
    torch.testing.assert_close(found.values, everything[[0, 1, 2, 3 + 2, 3 + 4, 3 + 6]])


def test_some_policies_of_a_large_model_are_left_to_the_planner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pyro_activeinf.filters.sweep.UNROLLED_NUMBERS", 0)
    exact = ExactFilter(random_model(1, 3))
    tree = policy_tree(torch.tensor([[0, 2], [1, 1]]), [3])
    assert exact.sweep(exact.initial(), tree) is None


def test_sweeps_follow_the_model() -> None:
    model = random_model(3, 2)
    exact = ExactFilter(model)
    tree = policy_tree(all_policies([2], 2, torch.device("cpu")), [2])
    before = exact.sweep(exact.initial(), tree)
    model.C0 = torch.tensor([5.0, 0.0, 0.0])
    after = exact.sweep(exact.initial(), tree)
    assert before is not None
    assert after is not None
    torch.testing.assert_close(after.values, one_by_one(exact, exact.initial(), 2, 2))
    assert not torch.equal(before.values, after.values)
