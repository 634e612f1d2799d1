import numpy as np
import pytest
import scipy.stats
import torch

from pyro_activeinf.behavior.response_times.shifted_wald import ShiftedWald, Wald


@pytest.mark.parametrize(("boundary", "drift", "shift"), [(1.2, 0.7, 0.2), (0.4, 3.0, 0.0)])
def test_density_is_that_of_scipy(boundary: float, drift: float, shift: float) -> None:
    t = np.linspace(shift + 0.01, 8, 50)
    size = boundary**2
    expected = scipy.stats.invgauss(boundary / drift / size, loc=shift, scale=size).logpdf(t)
    found = Wald(boundary, torch.full((50,), drift), shift).log_prob(torch.tensor(t))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10, atol=1e-10)


def test_draws_are_those_of_scipy() -> None:
    drawn = Wald(1.2, torch.tensor([0.7]), 0.2).sample((5000,)).squeeze().numpy()
    expected = scipy.stats.invgauss(1 / 0.7 / 1.2, loc=0.2, scale=1.44)
    assert scipy.stats.kstest(drawn, expected.cdf).pvalue > 0.01
    mean = Wald(1.2, torch.tensor([0.7]), 0.2).mean.item()
    assert mean == pytest.approx(float(expected.mean()))


def test_what_is_liked_is_faster() -> None:
    one = torch.tensor([1.0])
    times = ShiftedWald(one, one, one, 0 * one)
    log_probs = torch.tensor([[[0.9, 0.1]]]).log().expand(1, 2, 2)
    mean = times.distribution(log_probs, torch.tensor([[0, 1]])).mean
    assert mean[0, 0] < mean[0, 1]


def test_before_the_shift_there_is_nothing() -> None:
    shift = torch.tensor([0.5], requires_grad=True)
    found = Wald(1.0, torch.tensor([1.0]), shift).log_prob(torch.tensor([[0.3], [0.9]]))
    assert found[0].item() == -torch.inf
    found[1].sum().backward()
    assert shift.grad is not None
    assert shift.grad.isfinite().all()
