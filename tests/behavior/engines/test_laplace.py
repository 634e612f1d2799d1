"""Laplace's approximation."""

from __future__ import annotations

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.behavior import MAP, Laplace, fit
from pyro_activeinf.behavior.engines import CurvatureWarning, Target
from pyro_activeinf.behavior.engines.laplace import covariance_root, curvature
from tests.behavior.coin import coins, log_evidence, posterior, tosses

CHOICES = tosses()


X = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], dtype=torch.float64)


def row_normal(y: Tensor) -> None:
    slope = pyro.sample("slope", dist.Normal(torch.zeros(2), 2.0).to_event(1))
    mean = torch.einsum("...i,ri->...r", slope, X)
    pyro.sample("y", dist.Normal(mean, 0.5).to_event(1), obs=y)


def test_of_a_normal_posterior_it_is_exact() -> None:
    y = torch.tensor([0.3, 1.0, 2.2])
    target = Target(row_normal, y)
    covariance = 4.0 * X @ X.T + 0.25 * torch.eye(3)
    evidence = dist.MultivariateNormal(torch.zeros(3), covariance).log_prob(y)
    precision = X.T @ X / 0.25 + torch.eye(2) / 4.0
    mean = torch.linalg.solve(precision, X.T @ y / 0.25)

    found = Laplace(draws=50, mode=MAP(tolerance=1e-9))(target, None, False)

    torch.testing.assert_close(curvature(target, torch.randn(2))[0], precision)
    torch.testing.assert_close(MAP(tolerance=1e-9).mode(target, None), mean)
    torch.testing.assert_close(found.log_weights[:, 0], evidence.expand(50))
    assert found.log_evidence is not None
    torch.testing.assert_close(found.log_evidence[0], evidence)
    assert found.pareto_k.tolist() == [-math.inf]


def test_each_subject_has_an_evidence() -> None:
    found = fit(coins(), CHOICES, Laplace(draws=4000), progress=False).found

    assert found.log_evidence is not None
    torch.testing.assert_close(found.log_evidence, log_evidence(CHOICES), rtol=0.0, atol=0.02)
    assert found.pareto_k.max() < 0.7


def test_the_mode_is_that_of_coordinates_without_bounds() -> None:
    a, b = posterior(CHOICES)

    found = fit(coins(), CHOICES, MAP(tolerance=1e-10), progress=False)

    torch.testing.assert_close(found.means["heads"], a / (a + b), rtol=1e-8, atol=1e-8)


def test_flat_directions_are_told() -> None:
    with pytest.warns(CurvatureWarning, match="flat or curved upward"):
        root = covariance_root(torch.tensor([[[2.0, 0.0], [0.0, -1.0]]]))

    torch.testing.assert_close(root @ root.mT, torch.diag(torch.tensor([0.5, 5e3]))[None])
