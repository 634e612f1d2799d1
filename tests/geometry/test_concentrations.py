"""Beta and Dirichlet distributions with tiny concentrations beside large ones."""

from __future__ import annotations

import pyro.distributions as dist
import pytest
import torch
from mpmath import mp, mpf, psi

from pyro_activeinf.geometry import StatisticalManifold


@pytest.mark.parametrize("tiny", [9e-5, 1e-8, 1e-16, 1e-30, 1e-100])
def test_metric(tiny: float) -> None:
    x = torch.tensor([tiny, 1.5])
    metric = StatisticalManifold(dist.Beta).metric(x)
    with mp.workdps(250):
        a, b = mpf(tiny), mpf(1.5)
        own, mixed = [float(psi(1, c) - psi(1, a + b)) for c in (a, b)], float(-psi(1, a + b))
    expected = torch.tensor([[own[0], mixed], [mixed, own[1]]])
    torch.testing.assert_close(metric.diag(), expected.diag(), rtol=1e-11, atol=0)
    torch.testing.assert_close(metric, expected, rtol=1e-9, atol=0)  # digits of torch's trigamma
    more = StatisticalManifold(dist.Dirichlet).metric(torch.tensor([tiny / 2, tiny / 2, 1.5]))
    assert more[2, 2].item() == pytest.approx(own[1], rel=1e-11)
