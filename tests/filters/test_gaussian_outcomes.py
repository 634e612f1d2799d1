"""Expected free energy of Gaussian beliefs."""

import math

import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.compile import Layout, Linearized, RealPreferences
from pyro_activeinf.filters.gaussian_outcomes import Outlook, entropy, pragmatic, terms

STATES = Layout({"s": torch.Size([2])})
OUTCOMES = Layout({"a": torch.Size([]), "b": torch.Size([2])})
NOTHING = RealPreferences(Layout({}), torch.zeros(0), torch.zeros(0, 0), {})


def positive(*shape: int) -> Tensor:
    root = torch.randn(*shape, shape[-1])
    return root @ root.mT + 0.1 * torch.eye(shape[-1])


@pytest.fixture
def parts() -> tuple[Tensor, Tensor, Linearized]:
    noise = torch.linalg.cholesky(positive(4, 3))
    show = Linearized(torch.randn(4, 3), torch.randn(4, 3, 2), noise)
    return torch.randn(4, 2), positive(4, 2), show


def joint(parts: tuple[Tensor, Tensor, Linearized]) -> tuple[Tensor, Tensor, Tensor]:
    """Means and covariances of outcomes and states together, and the noise's covariance."""
    mean, cov, show = parts
    noise = show.noise @ show.noise.mT
    cross = show.slope @ cov
    top = torch.cat([cross @ show.slope.mT + noise, cross], -1)
    whole = torch.cat([top, torch.cat([cross.mT, cov], -1)], -2)
    return torch.cat([show.value, mean], -1), whole, noise


def gaussian_entropy(cov: Tensor) -> Tensor:
    return 0.5 * torch.linalg.slogdet(2 * math.pi * math.e * cov)[1]


def test_entropies_of_all_sites_and_of_each(parts: tuple[Tensor, Tensor, Linearized]) -> None:
    mean, cov, show = parts
    values = terms(Outlook.of(mean, cov, show, OUTCOMES, STATES), NOTHING)
    assert values.shape == (4, 4, 3)
    _, whole, noise = joint(parts)
    for column, at in enumerate((slice(0, 3), slice(0, 1), slice(1, 3))):
        torch.testing.assert_close(values[:, 1, column], gaussian_entropy(whole[:, at, at]))
        torch.testing.assert_close(values[:, 2, column], gaussian_entropy(noise[:, at, at]))
    assert not values[:, [0, 3]].any()
    epistemic = values[:, 1, 0] - values[:, 2, 0]
    signal = torch.linalg.inv(noise) @ show.slope @ cov @ show.slope.mT
    truth = 0.5 * torch.linalg.slogdet(torch.eye(3) + signal)[1]
    torch.testing.assert_close(epistemic, truth, atol=1e-9, rtol=0.0)


def test_preferences_over_outcomes_and_states_together(
    parts: tuple[Tensor, Tensor, Linearized],
) -> None:
    """Against quadrature-free formulas of the cross-entropy of Gaussians."""
    mean, cov, show = parts
    layout = Layout({"s": torch.Size([2]), "a": torch.Size([])})
    goal, width = torch.randn(3), positive(3)
    wanted = RealPreferences(layout, goal, torch.linalg.cholesky(width), {})
    found = pragmatic(Outlook.of(mean, cov, show, OUTCOMES, STATES), wanted)
    center, whole, _ = joint(parts)
    at = [3, 4, 0]
    away, spread = center[:, at] - goal, whole[:, at][:, :, at]
    density = torch.distributions.MultivariateNormal(torch.zeros(3), width).log_prob(away)
    doubt = (torch.linalg.inv(width) @ spread).diagonal(dim1=-2, dim2=-1).sum(-1)
    torch.testing.assert_close(found["s"] + found["a"], density - 0.5 * doubt)
    values = terms(Outlook.of(mean, cov, show, OUTCOMES, STATES), wanted)
    torch.testing.assert_close(values[:, 0, 0], density - 0.5 * doubt)
    torch.testing.assert_close(values[:, 0, 1], found["a"])  # states count in the total alone
    assert not values[:, 0, 2].any()


def test_other_families_by_quadrature(parts: tuple[Tensor, Tensor, Linearized]) -> None:
    mean, cov, show = parts
    wanted = {
        "a": dist.Laplace(torch.tensor(0.3), 2.0),
        "b": dist.Normal(torch.ones(2), 1.0).to_event(1),
    }
    preferences = RealPreferences(NOTHING.layout, NOTHING.mean, NOTHING.factor, wanted)
    found = pragmatic(Outlook.of(mean, cov, show, OUTCOMES, STATES), preferences)
    center, whole, _ = joint(parts)
    width = whole[:, 0, 0].sqrt()
    z = (center[:, 0] - 0.3) / width
    normal = torch.distributions.Normal(0.0, 1.0)
    distance = width * (2 * normal.log_prob(z).exp() + z * (2 * normal.cdf(z) - 1))
    truth = -distance / 2.0 - math.log(4.0)
    torch.testing.assert_close(found["a"], truth, atol=0.02, rtol=0.02)  # its density has a kink
    spread = whole[:, 1:3, 1:3].diagonal(dim1=-2, dim2=-1).sum(-1)
    truth = wanted["b"].log_prob(center[:, 1:3]) - 0.5 * spread
    torch.testing.assert_close(found["b"], truth)


def test_means_of_policies_may_share_a_covariance(
    parts: tuple[Tensor, Tensor, Linearized],
) -> None:
    _, cov, show = parts
    means = torch.randn(4, 2)
    shared = Linearized(torch.randn(4, 3), show.slope[:1], show.noise[:1])
    found = terms(Outlook.of(means, cov[:1], shared, OUTCOMES, STATES), NOTHING)
    spelled = Linearized(
        shared.value, shared.slope.expand(4, -1, -1), shared.noise.expand(4, -1, -1)
    )
    whole = Outlook.of(means, cov[:1].expand(4, -1, -1), spelled, OUTCOMES, STATES)
    torch.testing.assert_close(found, terms(whole, NOTHING))


def test_entropy() -> None:
    cov = positive(3, 2)
    torch.testing.assert_close(entropy(torch.linalg.cholesky(cov)), gaussian_entropy(cov))
