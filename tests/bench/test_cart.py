"""Our side of the linear-Gaussian measurement, against numpy."""

import itertools
import json

import numpy as np
import pytest
import torch

from pyro_activeinf.bench.cart import ARRAYS, Cart, GaussianScoring, cart
from pyro_activeinf.bench.problem import Problem
from pyro_activeinf.bench.worker import Worker


def truth(problem: Cart, horizon: int) -> list[float]:
    """Predict, score, contract: as cpomdp defines G of a policy."""
    found = []
    for policy in itertools.product(problem.pushes, repeat=horizon):
        mean, cov, total = problem.mean, problem.cov, 0.0
        for push in policy:
            mean = problem.A @ mean + problem.B @ push
            cov = problem.A @ cov @ problem.A.T + problem.Q
            spread = problem.C @ cov @ problem.C.T + problem.R
            away = problem.C @ mean - problem.goal
            total += 0.5 * (away @ problem.precision @ away + np.trace(problem.precision @ spread))
            total -= 0.5 * np.linalg.slogdet(spread @ np.linalg.inv(problem.R))[1]
            cov = cov - cov @ problem.C.T @ np.linalg.solve(spread, problem.C @ cov)
        found.append(float(total))
    return found


def test_every_policy_has_the_expected_free_energy_of_the_peer() -> None:
    problem = json.loads(json.dumps(Problem("gaussian scoring", cart(), 3).to_json()))
    task = GaussianScoring(problem)
    found = task.outputs(task.run(task.fresh()), None)
    assert found["efe"] == pytest.approx(truth(cart(), 3), abs=1e-9)


def test_it_is_scored_at_once_and_in_double_precision() -> None:
    torch.set_default_dtype(torch.float32)
    problem = Problem("gaussian scoring", cart(), 2).to_json()
    task = GaussianScoring(problem)
    assert task.filter.linear
    assert task.run(task.fresh()).expected_free_energy.dtype == torch.float64


def test_there_and_back() -> None:
    again = Cart.from_json(json.loads(json.dumps(cart().to_json(1))))
    assert all(np.array_equal(getattr(again, name), getattr(cart(), name)) for name in ARRAYS)


def test_the_worker_knows_it() -> None:
    worker = Worker()
    first, second = worker.prepare("ours", Problem("gaussian scoring", cart(), 2).to_json())
    assert first > 0
    assert second > 0
    assert len(worker.outputs("ours", None)["efe"]) == 25
