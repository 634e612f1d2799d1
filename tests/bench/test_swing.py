"""A planning step by particles."""

import pytest
import torch

from pyro_activeinf.bench.problem import Problem
from pyro_activeinf.bench.swing import ParticlePlanning, Swing


@pytest.mark.parametrize("real", [True, False])
def test_policies_get_probabilities(real: bool) -> None:
    problem = Problem("particle planning", Swing(7, 5, real), 3)
    task = ParticlePlanning(problem.to_json())
    assert task.policies.shape == ((7, 3, 1) if real else (7, 3))
    probs = task.run(task.fresh())
    assert probs.shape == (7,)
    torch.testing.assert_close(probs.sum(), torch.tensor(1.0))
    assert task.outputs(probs, None) == {}
