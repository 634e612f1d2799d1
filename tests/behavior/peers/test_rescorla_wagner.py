from __future__ import annotations

import torch

from pyro_activeinf.behavior import Choices
from pyro_activeinf.behavior.chooser import walk
from pyro_activeinf.behavior.peers import RescorlaWagner
from tests.behavior.peers import loops
from tests.behavior.peers.data import probs_of, trials_of


def test_it_is_the_plain_loop() -> None:
    for seed in range(5):
        trials = trials_of(seed, actions=2)
        learner = RescorlaWagner(torch.tensor([0.3]), torch.tensor([2.5]))
        expected = torch.tensor(loops.rescorla_wagner(trials, 2, beta=2.5, gain=0.3))
        torch.testing.assert_close(probs_of(learner, trials), expected, atol=1e-12, rtol=0)


def test_it_is_the_plain_loop_with_everything() -> None:
    values = {"loss": 0.7, "forgetting": 0.2, "stickiness": -0.4}
    learner = RescorlaWagner(
        torch.tensor([0.3]), torch.tensor([2.5]), *map(_one, values.values()), actions=3
    )
    trials = trials_of(3, actions=3, losses=True)
    expected = torch.tensor(loops.rescorla_wagner(trials, 3, beta=2.5, gain=0.3, **values))
    torch.testing.assert_close(probs_of(learner, trials), expected, atol=1e-12, rtol=0)


def test_utilities_are_the_rewards_of_outcomes() -> None:
    plain = RescorlaWagner(torch.tensor([0.3]), torch.tensor([2.5]))
    told = RescorlaWagner(torch.tensor([0.3]), torch.tensor([2.5]), utilities=(0.0, 1.0, -1.0))
    rewards = [None, 0.0, 1.0, -1.0, 1.0]
    outcomes = [-1, 0, 1, 2, 1]
    state, other = plain.initial(), told.initial()
    for reward, outcome in zip(rewards, outcomes, strict=True):
        seen = torch.tensor([torch.nan if reward is None else reward])
        state = plain.learn(state, torch.tensor([1]), {"outcome": seen})
        other = told.learn(other, torch.tensor([1]), {"outcome": torch.tensor([outcome])})
    torch.testing.assert_close(state.values, other.values, atol=0, rtol=0)


def _one(value: float) -> torch.Tensor:
    return torch.tensor([value])


def test_all_trials_at_once_are_trial_by_trial() -> None:
    """With sessions, missing rewards, missing actions and absent trials, for a batch of draws."""
    shape = (4, 3)
    learner = RescorlaWagner(
        torch.rand(shape), 3 * torch.rand(shape), None, torch.rand(shape), torch.randn(shape)
    )
    outcome = torch.randint(-1, 2, (3, 30))
    choices = Choices(
        torch.randint(-1, 2, (3, 30)),
        {"outcome": outcome},
        present=torch.rand(3, 30) < 0.8,
        starts=torch.rand(3, 30) < 0.1,
    )
    for once, each in zip(learner.trace(choices), walk(learner, choices), strict=True):
        torch.testing.assert_close(once, each, atol=1e-12, rtol=0)
