"""Bounds: the state known, and nothing looked at."""

import math

import gymnasium as gym
import numpy as np
import pytest
import torch

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import POMDP, from_gymnasium
from pyro_activeinf.planning import Sophisticated
from pyro_activeinf.planning.known_state import blind_values, known_state_values, stays_known
from tests.bridge import pomdp
from tests.oracles import optimal_return
from tests.planning.worlds import Tiger
from tests.strategies import random_model


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


def test_blind_values_are_those_of_one_action_taken_again_and_again() -> None:
    model = random_model(3, num_states=(4,), num_outcomes=(3,), preference_steps=5)
    exact = ExactFilter(pomdp(model))
    values = blind_values(exact, 4, 3, 0.9)
    for action in range(len(exact.transition)):
        belief, expected = exact.initial(), 0.0
        belief = exact.predict(belief, action)  # three steps to go: of steps 2, 3, 4
        start = belief.probs
        for k in range(3):
            belief = exact.predict(belief, action)
            expected += 0.9**k * float(exact.expected_free_energy(belief).pragmatic)
        assert float(start @ values[3, action]) == pytest.approx(expected, abs=1e-10)


def test_they_bound_what_planning_reaches() -> None:
    exact = ExactFilter(Tiger())
    start = exact.initial()
    for horizon in (1, 3, 6):
        planner = Sophisticated(horizon, 0.9, math.inf, terms={"pragmatic"})
        value = -float(planner(exact, start).expected_free_energy.min())
        known = float(start.probs @ known_state_values(exact, horizon, horizon, 0.9)[horizon])
        blind = (blind_values(exact, horizon, horizon, 0.9)[horizon] @ start.probs).max()
        assert float(blind) - 1e-9 <= value <= known + 1e-9


def test_outcomes_that_are_never_wanted_keep_the_bounds_numbers() -> None:
    flip = np.stack([np.eye(2), np.eye(2)[::-1]], -1)
    exact = ExactFilter(POMDP([np.eye(2)], [flip], C=[np.array([0.0, -math.inf])]))
    for values in (known_state_values(exact, 3, 3, 1.0), blind_values(exact, 3, 3, 1.0)):
        assert not values.isnan().any()
    assert known_state_values(exact, 3, 3, 1.0)[3].tolist() == [0.0, 0.0]


def test_a_state_that_is_seen_stays_known() -> None:
    slip = np.array([[0.9, 0.2], [0.1, 0.8]])[..., None]
    blurred = np.array([[0.9, 0.1], [0.1, 0.9]])
    still = np.eye(2)[..., None]
    assert stays_known(ExactFilter(POMDP([np.eye(2)], [slip])))
    assert stays_known(ExactFilter(POMDP([blurred], [still])))
    assert not stays_known(ExactFilter(POMDP([blurred], [slip])))
