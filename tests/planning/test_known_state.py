"""Values as if the state were known."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import POMDP, from_gymnasium
from pyro_activeinf.planning.known_state import known_state_values
from tests.oracles import optimal_return


@pytest.mark.parametrize("horizon", [1, 7, 100])
def test_agrees_with_dynamic_programming_on_the_ice(horizon: int) -> None:
    env = gym.make("FrozenLake-v1")
    exact = ExactFilter(from_gymnasium(env))
    values = known_state_values(exact, horizon, horizon, 1.0)[horizon].reshape(16, 2)[:, 0]
    for state in (0, 6, 14):
        truth = optimal_return(env.unwrapped.P, np.eye(16)[state], horizon)  # type: ignore[attr-defined]
        assert float(values[state]) == pytest.approx(truth, abs=1e-10)


def test_preferences_count_at_their_time() -> None:
    late = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 5.0]])
    flip = np.stack([np.eye(2), np.eye(2)[::-1]], -1)
    exact = ExactFilter(POMDP([np.eye(2)], [flip], C=[late]))
    values = known_state_values(exact, 3, 3, 0.5)  # steps 1, 2, 3: only step 2 is worth anything
    torch.testing.assert_close(values[:, 0], torch.tensor([0.0, 0.0, 5.0, 2.5]))
