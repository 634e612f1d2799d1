"""Deep latent models against the linear-Gaussian case, which has closed forms."""

import copy

import pyro
import pytest
import torch
from torch import Tensor

from pyro_activeinf import VariationalFreeEnergy
from pyro_activeinf.learning import fit
from pyro_activeinf.models import HierarchicalVariational, PredictiveCoding


@pytest.fixture
def chain() -> HierarchicalVariational:
    """Three levels with linear links."""
    pyro.set_rng_seed(0)
    return HierarchicalVariational([4, 3, 2, 2], hidden_dim=0, flow_length=0)


def moments(model: HierarchicalVariational) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean and covariance of all levels in a row, lowest first, and of x; written out."""
    mean, cov = torch.zeros(2), torch.eye(2)
    joint_mean, joint = mean, cov
    for link in [*reversed(model.links), model.show]:
        W, b = link.loc.weight.detach(), link.loc.bias.detach()
        scale = link(torch.zeros(1, W.shape[1]))[1].detach().squeeze(0)
        above = W.shape[1]
        first = joint[:above]  # the level above, with everything
        across = W @ first
        here = W @ joint[:above, :above] @ W.T + scale.square().diag()
        joint = torch.cat([torch.cat([here, across], 1), torch.cat([across.T, joint], 1)], 0)
        joint_mean = torch.cat([W @ joint_mean[:above] + b, joint_mean])
    n = model.dims[0]
    return joint_mean[n:], joint[n:, n:], joint_mean, joint


def posterior(model: HierarchicalVariational, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (n, dims) and covariance of z given x, and log p(x): conditioning a Gaussian."""
    _, _, mean, cov = moments(model)
    n = model.dims[0]
    gain = torch.linalg.solve(cov[:n, :n], cov[:n, n:]).T
    z = mean[n:] + (x - mean[:n]) @ gain.T
    evidence = torch.distributions.MultivariateNormal(mean[:n], cov[:n, :n]).log_prob(x)
    return z, cov[n:, n:] - gain @ cov[:n, n:], evidence


def test_predictive_coding_finds_the_exact_posterior(chain: HierarchicalVariational) -> None:
    x = chain(size=6).detach()
    coding = PredictiveCoding(chain)
    found = coding.infer(x, steps=400)
    mean, cov, _ = posterior(chain, x)
    torch.testing.assert_close(torch.cat(list(found.means.values()), -1), mean, atol=1e-6, rtol=0.0)
    torch.testing.assert_close(
        coding.covariance(x, found), cov.expand(6, -1, -1), atol=1e-9, rtol=0.0
    )
    assert bool((found.free_energy.diff(dim=0) <= 0).all())


def test_prediction_errors_balance_at_the_minimum(chain: HierarchicalVariational) -> None:
    x = chain(size=3).detach()
    found = PredictiveCoding(chain).infer(x, steps=400)
    below = {1: chain.show, 2: chain.links[0], 3: chain.links[1]}
    for level in (1, 2, 3):  # what comes from below equals what comes from above
        link = below[level]
        scale = link(found.means[level])[1]
        pull = (found.errors[level - 1] / scale) @ link.loc.weight
        own = chain.prior(level, found.means.get(level + 1))[1]
        torch.testing.assert_close(pull, found.errors[level] / own, atol=1e-5, rtol=0.0)


def test_free_energy_of_each_level_against_its_closed_form(chain: HierarchicalVariational) -> None:
    """Under a guide that does not depend on x, every F_i is a KL between Gaussians."""
    x = chain(size=1).detach()
    guide = chain.guide
    for read in guide.read:  # reads nothing, and is not sure of it
        torch.nn.init.zeros_(read.loc.weight)
    elbo = VariationalFreeEnergy(
        num_particles=200_000, vectorize_particles=True, max_plate_nesting=1
    )
    terms = elbo.decompose(chain, guide, x)
    top = guide.read[2]
    scale = top(torch.zeros(1, 4))[1].detach().squeeze(0)
    var = 1 / (1 / scale.square() + 1)
    mean = var * top.loc.bias.detach() / scale.square()
    expected = 0.5 * (var + mean.square() - 1 - var.log()).sum()
    found = terms.per_level[3].total
    assert float(found) == pytest.approx(float(expected), abs=0.02)
    total = sum(float(part.total) for part in terms.per_level.values())
    assert total == pytest.approx(float(terms.total), abs=1e-8)


def test_the_importance_weighted_bound_is_below_the_evidence_and_comes_close(
    chain: HierarchicalVariational,
) -> None:
    x = chain(size=4).detach()
    _, _, evidence = posterior(chain, x)
    for read in chain.guide.read:  # wide, so that no weight is far above the others
        torch.nn.init.constant_(read.constant, 5.0)
    with torch.no_grad():
        few, many = chain.bound(x.repeat(500, 1), 2), chain.bound(x, 20_000)
    assert float(few.mean()) < float(evidence.mean()) - 0.1
    torch.testing.assert_close(many, evidence, atol=0.05, rtol=0.0)


@pytest.mark.parametrize("flow_length", [0, 2])
def test_it_learns(flow_length: int) -> None:
    pyro.set_rng_seed(1)
    x = (torch.rand(60, 6) < torch.tensor([0.1, 0.9, 0.5, 0.2, 0.8, 0.5])).double()
    model = HierarchicalVariational([6, 3, 2], 8, flow_length, binary=True)
    run = fit(model, model.guide, x, steps=150, batch_size=30, progress=False, seed=0)
    assert run.losses[-30:].mean() < run.losses[:30].mean() - 15
    assert model.reconstruct(x, level=2).shape == x.shape
    assert {level: tuple(z.shape) for level, z in model.recognize(x, 5).items()} == {
        1: (5, 60, 3),
        2: (5, 60, 2),
    }


def test_a_copy_has_parameters_of_its_own(chain: HierarchicalVariational) -> None:
    other = copy.deepcopy(chain)
    with torch.no_grad():
        other.show.loc.bias.add_(1.0)
    assert other.guide.model is other
    assert not torch.equal(other.decode(torch.zeros(1, 3)), chain.decode(torch.zeros(1, 3)))


@pytest.mark.parametrize("dims", [[4], 4, [4, 0]])
def test_lengths_that_are_none_are_refused(dims: object) -> None:
    with pytest.raises(ValueError, match="`dims`"):
        HierarchicalVariational(dims, 8)  # type: ignore[arg-type]


def test_vectors_of_another_length_are_refused(chain: HierarchicalVariational) -> None:
    with pytest.raises(ValueError, match="`x`: expected a tensor of vectors of length 4"):
        chain(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="`level`: expected a level from 1 to 3"):
        chain.decode(torch.zeros(2, 3), level=4)
