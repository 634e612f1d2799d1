"""What is predicted at a real site."""

import pytest
import torch

from pyro_activeinf.agents.densities import density

WEIGHTS = torch.tensor([0.3, 0.7], dtype=torch.float64)


def parts(k: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(k)
    mean = torch.randn(2, k, generator=random, dtype=torch.float64)
    root = torch.randn(2, k, k, generator=random, dtype=torch.float64)
    cov = root @ root.mT + 0.3 * torch.eye(k)
    return mean, cov, torch.cat([WEIGHTS.log()[:, None], mean, cov.flatten(1)], -1)


@pytest.mark.parametrize("event", [(), (1,), (3,), (2, 2)])
def test_a_mixture_of_gaussians_over_an_event_of_any_shape(event: tuple[int, ...]) -> None:
    shape = torch.Size(event)
    mean, cov, rows = parts(shape.numel())
    found = density("o", rows, shape)
    assert (found.batch_shape, found.event_shape) == (torch.Size(), shape)
    values = torch.randn(5, *event, dtype=torch.float64)
    each = torch.distributions.MultivariateNormal(mean, cov)
    flat = values.reshape(5, 1, -1)
    exact = (each.log_prob(flat) + WEIGHTS.log()).logsumexp(-1)
    torch.testing.assert_close(found.log_prob(values), exact, atol=1e-10, rtol=0.0)


@pytest.mark.parametrize("event", [(), (3,), (2, 2)])
def test_one_part_is_a_gaussian(event: tuple[int, ...]) -> None:
    shape = torch.Size(event)
    mean, cov, rows = parts(shape.numel())
    rows[0, 0] = -torch.inf
    value = torch.randn(event, dtype=torch.float64)
    exact = torch.distributions.MultivariateNormal(mean[1], cov[1]).log_prob(value.reshape(-1))
    found = density("o", rows, shape).log_prob(value)
    assert float(found) == pytest.approx(float(exact), abs=1e-10)


def test_what_is_certain_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`site 'o'`: expected some spread .* got a certain"):
        density("o", torch.tensor([[0.0, 1.0, 0.0]]), torch.Size())
