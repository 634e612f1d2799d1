"""The oracles against the recorded outputs of pymdp, and against T-maze values worked by hand."""

import numpy as np
import pytest

from tests import oracles
from tests.oracles import assert_close
from tests.references import Reference, load_reference, reference_model


@pytest.fixture(scope="module")
def tmaze() -> Reference:
    return load_reference("tmaze")


@pytest.fixture(scope="module")
def grid100() -> Reference:
    return load_reference("grid100")


def test_tmaze_beliefs(tmaze: Reference) -> None:
    belief = oracles.filtered(reference_model(tmaze), tmaze["obs"].tolist(), [])
    assert_close(belief, np.multiply.outer(tmaze["H2_qs0"][0], tmaze["H2_qs1"][0]))


def test_tmaze_expected_free_energies(tmaze: Reference) -> None:
    model = reference_model(tmaze)
    belief = oracles.filtered(model, tmaze["obs"].tolist(), [])
    neg_efe = [
        -oracles.expected_free_energy(model, belief, policy, joint_outcomes=False)["G"]
        for policy in tmaze["H2_policies"]
    ]
    assert_close(neg_efe, tmaze["H2_neg_efe"][0], atol=1e-9)


def test_tmaze_by_hand(tmaze: Reference) -> None:
    model = reference_model(tmaze)
    belief = oracles.filtered(model, [[0, 0, 0]], [])
    to_cue = oracles.expected_free_energy(model, belief, [(3, 0)])
    to_arm = oracles.expected_free_energy(model, belief, [(4, 0), (1, 0)])
    told = np.log(2) + 0.95 * np.log(0.95) + 0.05 * np.log(0.05)
    assert_close(to_cue["epistemic"], told)
    assert_close(to_arm["epistemic"], np.log(2))
    assert_close(to_arm["pragmatic"], -0.5)


@pytest.mark.parametrize("agent", [0, 7])
def test_grid_beliefs_and_expected_free_energies(grid100: Reference, agent: int) -> None:
    model = reference_model(grid100)
    belief = oracles.filtered(model, [grid100["obs"][agent].tolist()], [])
    assert_close(belief, grid100["H3_qs0"][agent])
    for index in (0, 31, 58, 87, 124):
        policy = grid100["H3_policies"][index]
        terms = oracles.expected_free_energy(model, belief, policy, joint_outcomes=False)
        expected = grid100["H3_neg_efe"][agent, index]
        assert_close(-terms["G"], expected, atol=1e-9)


def test_the_order_of_policies(tmaze: Reference, grid100: Reference) -> None:
    np.testing.assert_array_equal(oracles.brute_policies([5, 1], 2), tmaze["H2_policies"])
    np.testing.assert_array_equal(oracles.brute_policies([5], 3), grid100["H3_policies"])
