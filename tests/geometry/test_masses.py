"""Divergences where outcomes are impossible."""

from __future__ import annotations

import math

import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.geometry import StatisticalManifold
from pyro_activeinf.geometry.masses import surprise

SPACE = StatisticalManifold(dist.Categorical)
SURE, SPLIT, ALL = [0.5, 0.5, 0.0], [0.5, 0.25, 0.25], [0.2, 0.3, 0.5]


@pytest.mark.parametrize(
    ("p", "q", "expected"),
    [
        (SURE, SURE, 0.0),
        (SURE, SPLIT, 0.5 * math.log(2)),
        (SPLIT, SURE, math.inf),
        ([1.0, 0.0, 0.0], ALL, -math.log(0.2)),
        ([0.0, 0.0, 1.0], ALL, -math.log(0.5)),
        (ALL, [0.0, 0.0, 1.0], math.inf),
    ],
)
def test_of_categories(p: list[float], q: list[float], expected: float) -> None:
    x, y = torch.tensor(p), torch.tensor(q)
    assert SPACE.kl(x, y).item() == pytest.approx(expected, rel=1e-14)
    assert SPACE.kl(dist.Categorical(x), dist.Categorical(y)).item() == pytest.approx(expected)
    assert SPACE.bregman(y, x).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("family", "p", "q", "expected"),
    [
        (dist.Bernoulli, 0.0, 1.0, math.inf),
        (dist.Bernoulli, 1.0, 0.5, math.log(2)),
        (dist.Bernoulli, 0.5, 1.0, math.inf),
        (dist.Bernoulli, 0.5, 1e-200, 0.5 * math.log(0.5 / 1e-200) + 0.5 * math.log(0.5)),
        (dist.Poisson, 0.0, 3.0, 3.0),
        (dist.Poisson, 3.0, 0.0, math.inf),
    ],
)
def test_of_one_parameter(family: type, p: float, q: float, expected: float) -> None:
    space = StatisticalManifold(family)
    x, y = torch.tensor([p]), torch.tensor([q])
    assert space.kl(x, y).item() == pytest.approx(expected, rel=1e-13)
    assert space.bregman(y, x).item() == pytest.approx(expected, rel=1e-13)


def test_batches_and_gradients() -> None:
    p = torch.tensor([SURE, SPLIT], requires_grad=True)
    terms = surprise(p, torch.tensor(ALL))
    (slope,) = torch.autograd.grad(terms.sum(), p)
    assert slope.isfinite().all()
    found = SPACE.kl(torch.tensor([SURE, SPLIT]), torch.tensor(SURE))
    assert found.tolist() == [0.0, math.inf]
