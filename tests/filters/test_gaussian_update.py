"""Conditioning of Gaussians, against the formulas of their joint."""

import math

import pytest
import torch
from torch import Tensor

from pyro_activeinf.compile import Linearized
from pyro_activeinf.filters.gaussian_update import (
    Shown,
    compact,
    conditioned,
    contracted,
    predicted_cov,
    solved,
)


def positive(*shape: int) -> Tensor:
    root = torch.randn(*shape, shape[-1])
    return root @ root.mT + 0.1 * torch.eye(shape[-1])


def shows(*batch: int, m: int = 3, n: int = 2) -> Linearized:
    noise = torch.linalg.cholesky(positive(*batch, m))
    return Linearized(torch.randn(*batch, m), torch.randn(*batch, m, n), noise)


def test_the_posterior_in_information_form() -> None:
    show, mean, cov, seen = shows(4), torch.randn(4, 2), positive(4, 2), torch.randn(4, 3)
    found = conditioned(mean, cov, Shown.of(show, seen))
    precision = torch.linalg.inv(show.noise @ show.noise.mT)
    after = torch.linalg.inv(torch.linalg.inv(cov) + show.slope.mT @ precision @ show.slope)
    torch.testing.assert_close(found.cov, after)
    push = show.slope.mT @ precision @ (seen - show.value).unsqueeze(-1)
    torch.testing.assert_close(found.mean, mean + (after @ push).squeeze(-1))
    spread = show.slope @ cov @ show.slope.mT + show.noise @ show.noise.mT
    predicted = torch.distributions.MultivariateNormal(show.value, spread)
    torch.testing.assert_close(found.free_energy, -predicted.log_prob(seen))
    torch.testing.assert_close(contracted(cov, show), after)


def test_accuracy_is_the_expected_log_density() -> None:
    show, mean, cov, seen = shows(), torch.randn(2), positive(2), torch.randn(3)
    found = conditioned(mean, cov, Shown.of(show, seen))
    noise = show.noise @ show.noise.mT
    expected = show.value + show.slope @ (found.mean - mean)
    density = torch.distributions.MultivariateNormal(expected, noise).log_prob(seen)
    doubt = torch.trace(torch.linalg.inv(noise) @ show.slope @ found.cov @ show.slope.mT)
    assert float(found.accuracy.sum()) == pytest.approx(float(density - 0.5 * doubt))


def test_missing_coordinates_are_left_out() -> None:
    show, mean, cov = shows(2), torch.randn(2, 2), positive(2, 2)
    seen = torch.randn(2, 3)
    seen[0, 1] = seen[1, 0] = seen[1, 2] = math.nan
    found = conditioned(mean, cov, Shown.of(show, seen))
    for b, kept in enumerate(([0, 2], [1])):
        noise = (show.noise[b] @ show.noise[b].mT)[kept][:, kept]
        fewer = Linearized(show.value[b, kept], show.slope[b, kept], torch.linalg.cholesky(noise))
        alone = conditioned(mean[b], cov[b], Shown.of(fewer, seen[b, kept]))
        torch.testing.assert_close(found.mean[b], alone.mean)
        torch.testing.assert_close(found.cov[b], alone.cov)
        torch.testing.assert_close(found.free_energy[b], alone.free_energy)
        torch.testing.assert_close(found.accuracy[b, kept], alone.accuracy)


def test_gradients_are_finite_beside_missing_values() -> None:
    mean = torch.zeros(2, requires_grad=True)
    shown = Shown.of(
        Linearized(mean.sum().expand(3), torch.ones(3, 2), torch.eye(3)),
        torch.tensor([1.0, math.nan, 2.0]),
    )
    conditioned(mean, torch.eye(2), shown).free_energy.backward()
    assert mean.grad is not None
    assert bool(mean.grad.isfinite().all())


@pytest.mark.parametrize("noise", [1e-12, 1e12])
def test_covariances_stay_positive_with_extreme_noise(noise: float) -> None:
    mean, cov = torch.zeros(2), positive(2)
    for _ in range(50):
        show = Linearized(torch.zeros(1), torch.tensor([[1.0, 0.5]]), torch.tensor([[noise]]))
        found = conditioned(mean, cov, Shown.of(show, torch.zeros(1)))
        cov = found.cov
        assert torch.equal(cov, cov.mT)
        assert float(torch.linalg.eigvalsh(cov).min()) > -1e-15


def test_prediction() -> None:
    move = Linearized(torch.zeros(2), torch.randn(2, 2), torch.randn(2, 2).tril())
    cov = positive(2)
    expected = move.slope @ cov @ move.slope.mT + move.noise @ move.noise.mT
    torch.testing.assert_close(predicted_cov(cov, move), expected)


def test_compact_takes_what_was_expanded_apart() -> None:
    tensor = torch.randn(2, 1, 3, 3)
    assert compact(tensor.expand(2, 5, 3, 3), 2).shape == (2, 1, 3, 3)
    assert compact(tensor[0, 0].expand(4, 5, 3, 3), 2).shape == (1, 1, 3, 3)
    assert compact(torch.randn(2, 3, 3), 2).shape == (2, 3, 3)


@pytest.mark.parametrize("batch", [(), (4,)])
def test_solved(batch: tuple[int, ...]) -> None:
    triangle, vector = torch.randn(*batch, 3, 3).tril() + 2 * torch.eye(3), torch.randn(4, 3)
    found = solved(triangle, vector)
    torch.testing.assert_close((triangle @ found.unsqueeze(-1)).squeeze(-1), vector)
