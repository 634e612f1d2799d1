"""Smoothing, against one big Gaussian over all states."""

import numpy as np
import pytest
import torch

from pyro_activeinf.filters import GaussianFilter
from pyro_activeinf.filters.gaussian_smoothing import smoothing_gain
from tests import kalman
from tests.filters.gaussian_programs import Cart, Pendulum, cart_system


@pytest.mark.parametrize("seed", range(3))
def test_means_covariances_and_those_of_neighbors(seed: int) -> None:
    system = cart_system()
    seen, actions = kalman.simulate(system, seed, 6, missing=0.3)
    truth = kalman.joint_posterior(system, seen, actions)
    sites = {"near": torch.tensor(seen[:, 0]), "far": torch.tensor(seen[:, 1:])}
    found = GaussianFilter(Cart()).smooth(sites, torch.tensor(actions))
    torch.testing.assert_close(found.mean.flatten(), torch.tensor(truth.mean), atol=1e-10, rtol=0.0)
    for t in range(6):
        at, after = slice(3 * t, 3 * t + 3), slice(3 * t + 3, 3 * t + 6)
        torch.testing.assert_close(
            found.cov[t], torch.tensor(truth.cov[at, at]), atol=1e-10, rtol=0.0
        )
        if t < 5:
            cross = torch.tensor(truth.cov[after, at])
            torch.testing.assert_close(found.cross[t], cross, atol=1e-10, rtol=0.0)
    assert float(-found.free_energy) == pytest.approx(truth.log_evidence, abs=1e-10)


def test_batches_and_single_steps() -> None:
    carrier = GaussianFilter(Cart())
    near = torch.randn(2, 5, 4)
    actions = torch.randn(5, 3, 1)
    found = carrier.smooth({"near": near}, actions)
    assert found.mean.shape == (2, 5, 4, 3)
    assert found.cross.shape == (2, 5, 3, 3, 3)
    alone = carrier.smooth({"near": near[1, 2]}, actions[2])
    torch.testing.assert_close(found.mean[1, 2], alone.mean)
    torch.testing.assert_close(found.free_energy[1, 2], alone.free_energy)
    assert found.marginals["place"].batch_shape == (2, 5, 4)
    once = carrier.smooth({"near": near[0, 0, :1]})
    assert once.cross.shape == (0, 3, 3)
    torch.testing.assert_close(
        once.mean[0], carrier.update(carrier.initial(), {"near": near[0, 0, 0]}).mean
    )


def test_the_last_belief_is_the_filtered_one_also_where_programs_are_nonlinear() -> None:
    carrier = GaussianFilter(Pendulum())
    seen, actions = torch.linspace(0.8, 1.2, 5), torch.zeros(4)
    found = carrier.smooth({"height": seen}, actions)
    belief = carrier.update(carrier.initial(), {"height": seen[0]})
    for t in range(4):
        belief = carrier.update(carrier.predict(belief, actions[t]), {"height": seen[t + 1]})
    torch.testing.assert_close(found.mean[-1], belief.mean)
    assert bool((torch.linalg.eigvalsh(found.cov) > 0).all())


def test_gains() -> None:
    rng = np.random.default_rng(0)
    root = torch.tensor(rng.standard_normal((2, 2)))
    cov, slope = root @ root.mT, torch.tensor(rng.standard_normal((2, 2)))
    ahead = slope @ cov @ slope.mT + torch.eye(2)
    torch.testing.assert_close(
        smoothing_gain(cov, slope, ahead), cov @ slope.mT @ torch.linalg.inv(ahead)
    )
    singular = torch.diag(torch.tensor([1.0, 0.0]))
    gain = smoothing_gain(singular, torch.eye(2), singular)
    torch.testing.assert_close(gain, singular)
