"""Categoricals for each step: which actions there are, and the mixture over restarts."""

import gymnasium as gym
import pyro
import pytest
import torch

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import TMaze
from pyro_activeinf.planning import CategoricalPolicy
from pyro_activeinf.planning.categorical_policy import Categoricals


def made(restarts: int = 2) -> Categoricals:
    """Two controls, of three and two actions, for four steps and a batch of five."""
    filter = ExactFilter(TMaze())
    filter.actions = gym.spaces.MultiDiscrete([3, 2])
    with pyro.settings.context(module_local_params=True):
        guide = CategoricalPolicy()(filter, 4, (restarts, 5), None)
    assert isinstance(guide, Categoricals)
    with torch.no_grad():
        guide.logits.normal_()
    return guide


def test_no_control_leaves_its_range() -> None:
    guide = made()
    assert guide.logits.shape == (2, 5, 4, 2, 3)
    probs = guide.log_probs().exp()
    assert (probs[..., 1, 2] == 0).all()
    torch.testing.assert_close(probs.sum(-1), torch.ones(2, 5, 4, 2))
    assert guide.centers().shape == (2, 5, 4, 2)
    assert guide.centers()[..., 1].max() <= 1


def test_the_first_action_is_that_of_a_mixture() -> None:
    guide = made()
    weights = torch.tensor([0.3, 0.7])
    found = guide.action_probs(weights.log().expand(5, 2))
    first = guide.log_probs().exp()[:, :, 0]
    expected = sum(
        w * first[r, :, 0, :, None] * first[r, :, 1, None, :2] for r, w in enumerate(weights)
    )
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found.sum((-1, -2)), torch.ones(5))


def test_refuses_a_world_without_actions() -> None:
    filter = ExactFilter(TMaze())
    filter.actions = None
    with pytest.raises(ValueError, match="a space of actions"):
        CategoricalPolicy()(filter, 2, (1,), None)
