"""Chains, against sums over all sequences, one large Gaussian, and recursions in numpy."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pyro_activeinf.conjugacy import DiscreteChain, GaussianChain, MultivariateGaussian
from tests import kalman


def of_system(system: kalman.System, seen: np.ndarray) -> tuple[GaussianChain, Tensor]:
    """The posterior of a linear dynamical system as natural coordinates."""
    A, C, Q, R, cov = (
        torch.as_tensor(x) for x in (system.A, system.C, system.Q, system.R, system.cov)
    )
    steps, d = len(seen), len(A)
    shown = torch.as_tensor(seen - system.offset)
    square, shift = torch.zeros(steps, d, d), shown @ R.inverse() @ C
    square[0] += cov.inverse()
    shift[0] += cov.inverse() @ torch.as_tensor(system.mean)
    square[1:] += Q.inverse()
    square[:-1] += A.T @ Q.inverse() @ A
    square += C.T @ R.inverse() @ C
    family = GaussianChain(steps, d)
    return family, family.join(shift, -square / 2, (A.T @ Q.inverse()).expand(steps - 1, d, d))


@pytest.mark.parametrize("steps", [1, 2, 3, 8, 37])
def test_gaussian_chain_is_the_smoother(steps: int) -> None:
    system = kalman.random_system(steps, n=2, m=2, k=None)
    seen, _ = kalman.simulate(system, 0, steps)
    family, natural = of_system(system, seen)
    truth, found = kalman.smooth(system, seen), family.distribution(natural)
    assert np.abs(found.loc.numpy() - truth.means).max() < 1e-10
    assert np.abs(found.covariance_matrix.numpy() - truth.covs).max() < 1e-10


@pytest.mark.parametrize("steps", [1, 2, 5, 16])
def test_what_is_filtered_is_smoothed_from_all_before(steps: int) -> None:
    system = kalman.random_system(3, n=2, m=1, k=None)
    seen, _ = kalman.simulate(system, 0, steps)
    family, natural = of_system(system, seen)
    _, motion = of_system(system, np.broadcast_to(system.offset, seen.shape))
    shows = torch.as_tensor(system.C.T @ np.linalg.inv(system.R) @ system.C)
    none = torch.zeros(steps - 1, 2, 2)
    motion = motion - family.join(torch.zeros(steps, 2), -shows.expand(steps, 2, 2) / 2, none)
    found: Any = family.filtered(motion, natural - motion)
    for t in range(steps):
        truth = kalman.smooth(system, seen[: t + 1])  # the last step has nothing ahead
        assert np.abs(found.loc[t].numpy() - truth.means[-1]).max() < 1e-10
        assert np.abs(found.covariance_matrix[t].numpy() - truth.covs[-1]).max() < 1e-10


def test_gaussian_chain_is_one_large_gaussian() -> None:
    steps, d = 4, 2
    family = GaussianChain(steps, d)
    root = torch.randn(steps * d, steps * d)
    band = torch.kron(torch.ones(steps, steps).tril(1).triu(-1), torch.ones(d, d))
    precision = (root @ root.T) * band / 10 + 10 * torch.eye(steps * d)
    shift = torch.randn(steps, d)
    blocks = precision.reshape(steps, d, steps, d)
    square = torch.stack([blocks[t, :, t] for t in range(steps)])
    cross = torch.stack([blocks[t, :, t + 1] for t in range(steps - 1)])
    natural = family.join(shift, -square / 2, -cross)
    large = MultivariateGaussian(steps * d)
    other = large.join(shift.flatten(), -precision / 2)
    torch.testing.assert_close(family.log_partition(natural), large.log_partition(other))
    loc, outer = large.split(large.mean(other))
    pairs = outer.reshape(steps, d, steps, d)
    found = family.moments(family.mean(natural))
    torch.testing.assert_close(found.mean.flatten(), loc)
    torch.testing.assert_close(found.cross[1], pairs[1, :, 2])
    value = torch.randn(steps, d)
    torch.testing.assert_close(
        (family.statistics(value) * natural).sum(),
        (large.statistics(value.flatten()) * other).sum(),
    )


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_discrete_chain_is_a_sum_over_all_sequences(steps: int) -> None:
    family = DiscreteChain(steps, 3)
    natural = torch.randn(2, family.size)
    every = torch.tensor(list(itertools.product(range(3), repeat=steps)))
    log_p = natural @ family.statistics(every).T
    torch.testing.assert_close(family.log_partition(natural), log_p.logsumexp(-1))
    mean = log_p.softmax(-1) @ family.statistics(every)
    torch.testing.assert_close(family.mean(natural), mean)
    torch.testing.assert_close(family.distribution(natural).probs, family.split(mean)[0])


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_discrete_filtering_is_a_recursion(steps: int) -> None:
    family = DiscreteChain(steps, 3)
    first, table = torch.rand(3).softmax(0), torch.rand(steps - 1, 3, 3).softmax(-1)
    shown = torch.randn(steps, 3)
    motion = family.join(torch.cat([first.log()[None], torch.zeros(steps - 1, 3)]), table.log())
    found: Any = family.filtered(motion, family.join(shown, torch.zeros(steps - 1, 3, 3)))
    q = first
    for t in range(steps):
        q = q @ table[t - 1] if t else q
        q = q * shown[t].exp()
        q = q / q.sum()
        torch.testing.assert_close(found.probs[t], q)


def test_impossible_transitions_leave_gradients_finite() -> None:
    family = DiscreteChain(6, 2)
    one = torch.zeros(6, 2)
    pairs = torch.tensor([[0.0, -torch.inf], [0.0, 0.0]]).expand(5, 2, 2)
    mean = family.mean(family.join(one, pairs))
    assert mean.isfinite().all()
    torch.testing.assert_close(family.split(mean)[1].sum((-2, -1)), torch.ones(5))
    assert (family.split(mean)[1][:, 0, 1] == 0).all()


def test_a_chain_without_a_proper_precision_is_not_valid() -> None:
    family = GaussianChain(3, 1)
    assert not family.valid(-family.neutral())
