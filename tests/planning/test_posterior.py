"""The posterior over policies from their scores."""

import math

import pytest
import torch

from pyro_activeinf.planning.posterior import boltzmann, first_action, log_habit


def test_boltzmann_weighs_scores_and_prior() -> None:
    scores, prior = torch.tensor([1.0, 2.0, math.inf]), torch.tensor([0.5, 0.25, 0.25])
    expected = torch.tensor([0.5 * math.exp(-3.0), 0.25 * math.exp(-6.0), 0.0])
    found = boltzmann(scores, 3.0, prior.log())
    torch.testing.assert_close(found, expected / expected.sum())


def test_precision_zero_leaves_the_prior_over_what_is_allowed() -> None:
    found = boltzmann(torch.tensor([1.0, 5.0, math.inf]), 0.0, None)
    torch.testing.assert_close(found, torch.tensor([0.5, 0.5, 0.0]))


@pytest.mark.parametrize("precision", [1.0, math.inf])
def test_a_policy_without_habit_is_never_taken(precision: float) -> None:
    found = boltzmann(torch.tensor([0.0, 9.0]), precision, torch.tensor([-math.inf, 0.0]))
    assert found.tolist() == [0.0, 1.0]


def test_nothing_allowed_raises() -> None:
    with pytest.raises(ValueError, match="`policies`"):
        boltzmann(torch.tensor([[0.0, 1.0], [math.inf, math.inf]]), 1.0, None)


def test_habit_of_several_controls_multiplies_over_steps() -> None:
    policies = torch.tensor([[[0, 1], [1, 1]], [[1, 0], [0, 0]]])
    habit = {"action_0": torch.tensor([0.2, 0.8]).log(), "action_1": torch.tensor([0.6, 0.4]).log()}
    found = log_habit(policies, habit)
    assert found is not None
    torch.testing.assert_close(
        found.exp(), torch.tensor([0.2 * 0.4 * 0.8 * 0.4, 0.8 * 0.6 * 0.2 * 0.6])
    )


def test_a_policy_habit_must_fit_the_policies() -> None:
    with pytest.raises(ValueError, match=r"`habit`.*each of the 2 policies"):
        log_habit(torch.tensor([[0], [1]]), {"policy": torch.zeros(3)})


def test_first_action_is_flattened_in_the_order_of_product() -> None:
    policies = torch.tensor([[[1, 2], [0, 0]], [[0, 1], [0, 0]]])
    assert first_action(policies, [2, 3]).tolist() == [5, 1]
