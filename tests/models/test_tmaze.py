"""The T-maze: the arrays of the literature, and the world of the same name."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch

import pyro_activeinf
from pyro_activeinf.compile import compile_preferences, compile_program
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import TMaze

CENTER, LEFT, RIGHT, CUE = range(4)


def close(actual: torch.Tensor, expected: object) -> None:
    np.testing.assert_allclose(actual.numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("validity", [0.98, 0.5, 1.0])
def test_arrays_are_those_of_the_literature(validity: float) -> None:
    # SPM12, DEM_demo_MDP_X.m, revision 6828, its factors and modalities in another order
    arrays = TMaze(validity, reward=4.0, loss=-3.0).double().to_arrays()
    v, w = validity, 1 - validity
    position = np.zeros((5, 2, 4))
    position[[0, 1, 2, 3], 0, [0, 1, 2, 3]] = 1
    position[[0, 1, 2, 4], 1, [0, 1, 2, 3]] = 1
    reward = [[[1, 0, 0, 1]] * 2, [[0, v, w, 0], [0, w, v, 0]], [[0, w, v, 0], [0, v, w, 0]]]
    close(arrays.A[0], position)
    close(arrays.A[1], reward)
    moves = [
        [[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]],
        [[0, 0, 0, 0], [1, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]],
        [[0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0]],
        [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1]],
    ]
    close(arrays.B[1], np.moveaxis(np.array(moves, dtype=float), 0, -1))
    close(arrays.B[0], np.eye(2)[..., None])
    close(arrays.C[0], np.zeros(5))
    close(arrays.C[1], [0.0, 4.0, -3.0])
    close(arrays.D[0], [0.5, 0.5])
    close(arrays.D[1], [1, 0, 0, 0])


def test_preferences_can_be_chosen() -> None:
    model = TMaze(reward=1.5, loss=-7.0).double()
    (table,) = compile_preferences(model, compile_program(model).outcomes, 0)
    assert table.log_probs.tolist() == [0.0, 1.5, -7.0]
    assert TMaze().preference.tolist() == [0.0, 3.0, -3.0]


@pytest.mark.parametrize("validity", [-0.1, 1.1, float("nan")])
def test_validity_is_a_probability(validity: float) -> None:
    with pytest.raises(ValueError, match="`validity`: expected a probability"):
        TMaze(validity)


def test_it_is_the_model_of_the_world() -> None:
    """Filtered along episodes of the world, nothing that happens is impossible to the model."""
    pyro_activeinf.envs.register()
    env = gym.make("pyro_activeinf/TMaze-v0", validity=1.0, moves=3)
    model = TMaze(validity=1.0).double()
    exact = ExactFilter(model)
    rng = np.random.default_rng(0)
    for episode in range(20):
        seen, info = env.reset(seed=episode)
        belief = exact.update(exact.initial(), seen)
        done = False
        while not done:
            action = int(rng.integers(4))
            seen, _, done, _, info = env.step(action)
            belief = exact.update(exact.predict(belief, action), seen)
        marginals = belief.marginals
        assert marginals["location"].probs[info["location"]] == 1
        assert marginals["context"].probs[info["context"]] >= 0.5
        if info["location"] != CENTER:  # the arms tell (validity 1), and so does the cue
            assert marginals["context"].probs[info["context"]] == 1


def test_float32_and_float64() -> None:
    assert compile_program(TMaze().float()).observe[1].log_probs.dtype == torch.float32
    assert compile_program(TMaze().double()).observe[1].log_probs.dtype == torch.float64
