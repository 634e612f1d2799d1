"""From a posterior over policies to an action."""

import gymnasium as gym
import torch

from pyro_activeinf.agents.choosing import count, drawn, sharpened
from pyro_activeinf.records import ExpectedFreeEnergyTerms, PolicyPosterior


def posterior(policies: torch.Tensor, probs: torch.Tensor, firsts: torch.Tensor) -> PolicyPosterior:
    none = ExpectedFreeEnergyTerms(torch.zeros(*probs.shape, 1, 4, 1), ())
    return PolicyPosterior(policies, none, -probs.log(), probs, firsts)


def test_one_control_several_and_real_ones() -> None:
    probs = torch.tensor([0.0, 1.0])
    one = posterior(torch.tensor([[0], [1]]), probs, probs)
    assert drawn(one, 1.0, gym.spaces.Discrete(2)).tolist() == 1
    both = torch.zeros(2, 3)
    both[1, 2] = 1.0
    several = posterior(torch.tensor([[[0, 0]], [[1, 2]]]), probs, both)
    assert drawn(several, 1.0, gym.spaces.MultiDiscrete([2, 3])).tolist() == [1, 2]
    real = posterior(torch.tensor([[[0.5]], [[-0.5]]]), probs, probs)
    assert drawn(real, 1.0, gym.spaces.Box(-1, 1, (1,))).tolist() == [-0.5]


def test_precision_sharpens() -> None:
    probs = torch.tensor([0.2, 0.8])
    found = sharpened(posterior(torch.tensor([[0], [1]]), probs, probs), 2.0)
    torch.testing.assert_close(found, torch.tensor([0.04, 0.64]) / 0.68)


def test_actions_are_counted_where_they_are_finite() -> None:
    spaces = [None, gym.spaces.Box(-1, 1), gym.spaces.Discrete(4), gym.spaces.MultiDiscrete([2, 3])]
    assert [count(space) for space in spaces] == [0, 0, 4, 6]
