"""The controls of an action and the words for policies."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pyro_activeinf.plots._controls import action_labels, controls_of, policy_texts
from tests.plots.trajectories import made


def test_one_control_has_the_actions_and_their_probabilities() -> None:
    run = made()
    (control,) = controls_of(run)

    assert (control.name, control.title, control.size) == ("action", "action", 3)
    np.testing.assert_array_equal(control.taken, run.actions)
    np.testing.assert_array_equal(control.probs, run.action_probs)


def test_several_controls_have_marginal_probabilities() -> None:
    run = made(controls=(3, 2))
    first, second = controls_of(run)

    assert (first.name, first.title, first.size) == ("action_0", "action 0", 3)
    assert (second.name, second.title, second.size) == ("action_1", "action 1", 2)
    np.testing.assert_array_equal(second.taken, run.actions[:, 1])
    np.testing.assert_allclose(first.probs, run.action_probs.sum(2))
    np.testing.assert_allclose(second.probs, run.action_probs.sum(1))
    np.testing.assert_allclose(np.nansum(second.probs, -1)[:3], 1.0)


def test_labels_of_sites_are_left_aside() -> None:
    labels = {"action": ["a", "b"], "place": ["here"]}

    assert action_labels(labels, [2]) == {"action": ["a", "b"]}


def test_labels_of_an_action_that_is_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`labels`: expected names among \['action'\]"):
        action_labels({"action_0": ["a", "b"]}, [2])


def test_labels_of_an_action_are_enough() -> None:
    with pytest.raises(ValueError, match=r"`labels\['action_1'\]`: expected a label for each of 3"):
        action_labels({"action_1": ["a", "b"]}, [2, 3])


def test_policies_are_written_with_numbers_or_names() -> None:
    policies = torch.tensor([[0, 1], [1, 1]])

    assert policy_texts(policies, {}) == ["0-1", "1-1"]
    assert policy_texts(policies, {"action": ["stay", "go"]}) == ["stay → go", "go → go"]


def test_policies_of_several_controls_are_written_action_by_action() -> None:
    policies = torch.tensor([[[0, 1], [2, 0]]])

    assert policy_texts(policies, {}) == ["0,1-2,0"]
    assert policy_texts(policies, {"action_1": ["off", "on"]}) == ["0,on → 2,off"]
