from __future__ import annotations

import pytest
import torch

from pyro_activeinf.behavior.peers import KalmanLearner
from pyro_activeinf.behavior.peers.kalman import log_best
from tests.behavior.peers import loops
from tests.behavior.peers.data import probs_of, trials_of

NOISE, DRIFT = torch.tensor([0.8], dtype=torch.float64), torch.tensor([0.15], dtype=torch.float64)


def test_it_is_the_plain_loop() -> None:
    learner = KalmanLearner(NOISE, DRIFT, torch.tensor([3.0]), torch.tensor([0.6]), actions=3)
    trials = trials_of(0, actions=3)
    expected = torch.tensor(loops.kalman(trials, 3, 0.8, 0.15, beta=3.0, bonus=0.6))
    torch.testing.assert_close(probs_of(learner, trials), expected, atol=1e-12, rtol=0)


def test_draws_are_integrals() -> None:
    trials = trials_of(1, actions=2, count=12)
    expected = torch.tensor(loops.kalman(trials, 2, 0.8, 0.15))
    torch.testing.assert_close(
        probs_of(KalmanLearner(NOISE, DRIFT), trials), expected, atol=1e-12, rtol=0
    )


@pytest.mark.parametrize("actions", [3, 5])
def test_draws_among_more_are_integrals(actions: int) -> None:
    mean = torch.linspace(-0.5, 0.8, actions)
    variance = torch.linspace(0.5, 1.5, actions)
    expected = torch.tensor(loops.best(mean.tolist(), variance.tolist()))
    torch.testing.assert_close(log_best(mean, variance).exp(), expected, atol=1e-9, rtol=0)


def test_a_constant_world_is_averaged() -> None:
    """Without drift the mean is that of the rewards and one prior observation."""
    learner = KalmanLearner(torch.tensor([1.0]), torch.tensor([0.0]))
    state = learner.initial()
    for reward in (1.0, 0.0, 1.0, 1.0):
        state = learner.learn(state, torch.tensor([1]), {"outcome": torch.tensor([reward])})
    assert float(state.mean[0, 1]) == pytest.approx(3 / 5, abs=1e-12)
    assert float(state.variance[0, 1]) == pytest.approx(1 / 5, abs=1e-12)
