"""Gaussian beliefs."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.compile import Layout
from pyro_activeinf.filters import GaussianBelief
from pyro_activeinf.filters.gaussian_belief import GaussianEvidence, factor

LAYOUT = Layout({"x": torch.Size([]), "y": torch.Size([2]), "z": torch.Size([1, 2])})


def belief(*batch: int) -> GaussianBelief:
    root = torch.randn(*batch, 5, 5)
    evidence = GaussianEvidence(torch.randn(batch), {"o": torch.randn(batch)})
    cov = root @ root.mT + torch.eye(5)
    return GaussianBelief(3, LAYOUT, torch.randn(*batch, 5), cov, evidence)


def test_marginals_are_those_of_the_joint() -> None:
    found = belief(4)
    x, y, z = found.marginals.values()
    assert isinstance(x, dist.Normal)
    torch.testing.assert_close(x.variance, found.cov[:, 0, 0])
    assert isinstance(y, dist.MultivariateNormal)
    torch.testing.assert_close(y.covariance_matrix, found.cov[:, 1:3, 1:3])
    assert z.event_shape == (2,)  # flattened


def test_samples_have_its_moments() -> None:
    pyro.set_rng_seed(0)
    found = belief()
    drawn = found.sample(100_000)
    assert drawn["z"].shape == (100_000, 1, 2)
    rows = torch.cat([drawn["x"].unsqueeze(-1), drawn["y"], drawn["z"].flatten(1)], -1)
    error = found.cov.diagonal().sqrt() / 100_000**0.5
    assert bool(((rows.mean(0) - found.mean).abs() < 5 * error).all())
    torch.testing.assert_close(torch.cov(rows.mT), found.cov, atol=0.3, rtol=0.03)
    assert found.sample((2, 3))["x"].shape == (2, 3)


def test_terms() -> None:
    found = belief(2)
    torch.testing.assert_close(found.terms.total, found.free_energy)
    assert set(found.terms.per_site) == {"o"}
    bare = GaussianBelief(0, LAYOUT, found.mean, found.cov)
    assert not bare.free_energy.any()
    assert not bare.terms.total.any()


def test_batches_are_rearranged() -> None:
    found = belief(6)
    torch.testing.assert_close(found.reshape(2, 3).cov[1, 2], found.cov[5])
    taken = found.take(torch.tensor([4, 0]))
    torch.testing.assert_close(taken.free_energy, found.free_energy[[4, 0]])
    torch.testing.assert_close(taken.terms.accuracy, found.terms.accuracy[[4, 0]])


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_factors_of_covariances_that_may_be_singular(rank: int) -> None:
    root = torch.randn(3, rank)
    covs = torch.stack([root @ root.mT, torch.eye(3)])
    found = factor(covs)
    torch.testing.assert_close(found @ found.mT, covs, atol=1e-7, rtol=0.0)
    torch.testing.assert_close(found[1], torch.eye(3), atol=0.0, rtol=0.0)
