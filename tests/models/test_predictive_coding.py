"""Descent on free energy against the linear-Gaussian case, whose posterior is known."""

import pyro
import pytest
import torch

from pyro_activeinf.models import HierarchicalVariational, PredictiveCoding
from tests.chain import posterior


@pytest.fixture
def chain() -> HierarchicalVariational:
    """Three levels with linear links."""
    pyro.set_rng_seed(0)
    return HierarchicalVariational([4, 3, 2, 2], hidden_dim=0, flow_length=0)


def test_predictive_coding_finds_the_exact_posterior(chain: HierarchicalVariational) -> None:
    x = chain(size=6).detach()
    coding = PredictiveCoding(chain)
    found = coding.infer(x, steps=250)
    mean, cov, _ = posterior(chain, x)
    torch.testing.assert_close(torch.cat(list(found.means.values()), -1), mean, atol=1e-6, rtol=0.0)
    torch.testing.assert_close(
        coding.covariance(x, found), cov.expand(6, -1, -1), atol=1e-9, rtol=0.0
    )
    assert bool((found.free_energy.diff(dim=0) <= 0).all())


def test_prediction_errors_balance_at_the_minimum(chain: HierarchicalVariational) -> None:
    x = chain(size=3).detach()
    found = PredictiveCoding(chain).infer(x, steps=250)
    below = {1: chain.show, 2: chain.links[0], 3: chain.links[1]}
    for level in (1, 2, 3):  # what comes from below equals what comes from above
        link = below[level]
        scale = link(found.means[level])[1]
        pull = (found.errors[level - 1] / scale) @ link.loc.weight
        own = chain.prior(level, found.means.get(level + 1))[1]
        torch.testing.assert_close(pull, found.errors[level] / own, atol=1e-5, rtol=0.0)
