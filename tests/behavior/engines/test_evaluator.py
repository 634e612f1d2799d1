"""Densities and gradients of several points at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pyro_activeinf.behavior import Hierarchical
from pyro_activeinf.behavior.engines import Target
from pyro_activeinf.behavior.engines.evaluator import Evaluator
from tests.behavior.coin import coins, tosses


@pytest.mark.parametrize("backend", [None, lambda graph, inputs: graph], ids=["eager", "traced"])
@pytest.mark.parametrize("population", [None, Hierarchical()], ids=["flat", "hierarchical"])
def test_values_and_gradients(backend: object, population: object) -> None:
    target = Target(coins(population), tosses())
    answer = Evaluator(target, 2, backend)  # type: ignore[arg-type]
    points = np.random.default_rng(0).standard_normal(
        (2 * len(target.cells), target.cells.shape[1])
    )

    log_probs, gradients = answer(points)
    z = answer.assembled(points).requires_grad_()
    expected = target.log_probs(z)
    (slope,) = torch.autograd.grad(expected.sum(), z)

    np.testing.assert_allclose(log_probs, expected.detach().flatten().numpy(), rtol=1e-12)
    np.testing.assert_allclose(gradients, answer.taken_apart(slope).numpy(), rtol=1e-12)
    np.testing.assert_array_equal(answer.taken_apart(z.detach()).numpy(), points)
