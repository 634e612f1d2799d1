"""The gradient of a population, in a small size."""

import pytest
import torch

from pyro_activeinf.bench.behavior import LEARNERS, Learner, PopulationGradient
from pyro_activeinf.bench.problem import Problem


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_has_gradients(name: str) -> None:
    problem = Problem("gradient of a population", Learner(name), batch=3, steps=5)
    task = PopulationGradient(problem.to_json())
    with torch.no_grad():  # as it is measured
        first, second = (task.run(task.fresh()) for _ in range(2))
    torch.testing.assert_close(first, second)
    assert first[0].shape == (3,)
    assert all(bool(grad.isfinite().all() and (grad != 0).any()) for grad in first[1:])
