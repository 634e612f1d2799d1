"""Log-space maths against plain numpy, at the edges too: zeros, infinities, gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pyro_activeinf import ops
from tests.strategies import SEEDS, random_table

INF = math.inf


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, requires_grad=True)


def gradient(total: Tensor, of: Tensor) -> list[float]:
    (found,) = torch.autograd.grad(total, of)
    return found.tolist()


def random_probs(seed: int, size: int, *batch: int) -> np.ndarray:
    """Probabilities with exact zeros among them, (*batch, size)."""
    return np.moveaxis(random_table(np.random.default_rng(seed), size, batch, zeros=True), 0, -1)


def log(probs: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(probs)


def close(actual: Tensor, expected: object) -> None:
    np.testing.assert_allclose(actual.detach().numpy(), expected, rtol=0, atol=1e-12)


def test_log() -> None:
    probs = tensor(0.0, 0.25, 1.0, 1e-300)
    close(ops.log(probs), [-INF, math.log(0.25), 0.0, math.log(1e-300)])
    assert gradient(ops.log(probs)[:3].exp().sum(), probs) == [0, 1, 1, 0]
    assert gradient(ops.log(probs)[1], probs) == [0, 4, 0, 0]


def test_exp_dot_counts_what_cannot_be_as_nothing() -> None:
    log_probs = tensor(math.log(0.25), -INF, math.log(0.75), -INF)
    values = tensor(4.0, INF, -8.0, math.nan)
    close(ops.exp_dot(log_probs, values), -5.0)
    assert gradient(ops.exp_dot(log_probs, values), values) == pytest.approx([0.25, 0, 0.75, 0])
    assert gradient(ops.exp_dot(log_probs, values), log_probs) == pytest.approx([1.0, 0, -6.0, 0])
    assert ops.exp_dot(torch.tensor([0.0]), torch.tensor([-INF])) == -INF


@given(SEEDS)
def test_exp_dot_is_the_expectation(seed: int) -> None:
    probs = random_probs(seed, 4, 2)
    values = np.random.default_rng(seed).normal(size=(2, 4))
    close(
        ops.exp_dot(torch.as_tensor(log(probs)), torch.as_tensor(values)),
        (probs * values).sum(-1),
    )


@pytest.mark.parametrize("learned", [True, False])
def test_xlogx(learned: bool) -> None:
    probs = torch.tensor([0.0, 0.25, 1.0, 1e-320]).requires_grad_(learned)
    close(ops.xlogx(probs), [0.0, 0.25 * math.log(0.25), 0.0, 0.0])


def test_xlogx_has_a_finite_gradient() -> None:
    probs = tensor(0.0, 0.25, 1.0)
    assert gradient(ops.xlogx(probs).sum(), probs) == pytest.approx([0, math.log(0.25) + 1, 1])


@given(SEEDS, st.booleans())
def test_entropy(seed: int, learned: bool) -> None:
    probs = random_probs(seed, 3, 2)
    expected = -np.nansum(probs * np.where(probs > 0, log(probs), 0), -1)
    close(ops.entropy(torch.as_tensor(probs).requires_grad_(learned)), expected)


@given(SEEDS, SEEDS)
def test_kl(one: int, two: int) -> None:
    q, p = random_probs(one, 3), random_probs(two, 3)
    found = ops.kl(torch.as_tensor(log(q)), torch.as_tensor(log(p)))
    if ((q > 0) & (p == 0)).any():
        assert found == INF
    else:
        here = q > 0
        close(found, (q[here] * np.log(q[here] / p[here])).sum())
        assert found > -1e-12
    close(ops.kl(torch.as_tensor(log(q)), torch.as_tensor(log(q))), 0.0)


def test_kl_has_a_finite_gradient_at_zeros() -> None:
    log_q = tensor(math.log(0.25), -INF, math.log(0.75))
    log_p = tensor(math.log(0.5), -INF, math.log(0.5))
    assert gradient(ops.kl(log_q, log_p), log_p) == pytest.approx([-0.25, 0, -0.75])
    expected = [0.25 * (1 + math.log(0.5)), 0, 0.75 * (1 + math.log(1.5))]
    assert gradient(ops.kl(log_q, log_p), log_q) == pytest.approx(expected)


def test_unravel() -> None:
    sizes = [2, 3, 4]
    index = torch.arange(24).reshape(4, 6)
    found = ops.unravel(index, sizes)
    for each, expected in zip(found, np.unravel_index(index.numpy(), sizes), strict=True):
        assert each.tolist() == expected.tolist()
    assert ops.unravel(torch.tensor(0), []) == []


@given(SEEDS)
def test_log_vecmat_is_the_product(seed: int) -> None:
    vector, matrix = random_probs(seed, 3, 2), random_probs(seed, 4, 2, 3)
    found = ops.log_vecmat(torch.as_tensor(log(vector)), torch.as_tensor(log(matrix)))
    close(found.exp(), np.einsum("bs,bst->bt", vector, matrix))


def test_log_vecmat_does_not_underflow() -> None:
    tiny = torch.tensor([-2000.0, -2001.0])
    found = ops.log_vecmat(tiny, torch.tensor([[0.0, -INF], [0.0, -INF]]))
    assert found.tolist() == [pytest.approx(-2000 + math.log1p(math.exp(-1))), -INF]


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize("dim", [-1, 0])
def test_logsumexp(learned: bool, dim: int) -> None:
    values = torch.tensor([[0.0, -INF, 1.0], [-INF, -INF, 2.0], [-900.0, -INF, -900.0]])
    values = values if dim == -1 else values.T.contiguous()
    values = torch.cat([values, torch.full_like(values.narrow(1 + dim, 0, 1), -INF)], 1 + dim)
    found = ops.logsumexp(values.requires_grad_(learned), dim)
    expected = [math.log(1 + math.e), 2.0, -900 + math.log(2), -INF]
    close(found, expected)
    if learned:
        total = torch.where(found > -INF, found, 0.0).sum()
        (slopes,) = torch.autograd.grad(total, values)
        weights = (values - torch.where(found > -INF, found, 0.0).unsqueeze(dim)).exp()
        close(slopes, weights.detach().numpy())


def test_smallest_log() -> None:
    values = torch.tensor([[-3.0, -INF, -1.0], [-INF, -INF, -INF], [-7.0, 0.0, -INF]])
    assert ops.smallest_log(values).item() == -7
    assert ops.smallest_log(values, -1).tolist() == [-3, 0, -7]
    assert ops.smallest_log(values, 0).tolist() == [-7, 0, -1]


@pytest.mark.parametrize("precision", [0.5, 1.0, 16.0])
def test_softmax(precision: float) -> None:
    scores = torch.tensor([[1.0, 3.0, 2.5], [-800.0, -801.0, -INF]])
    weights = np.exp(precision * (scores.numpy() - scores.numpy().max(-1, keepdims=True)))
    close(ops.softmax(scores, precision), weights / weights.sum(-1, keepdims=True))


def test_softmax_without_precision_is_uniform_over_what_can_be() -> None:
    scores = torch.tensor([1.0, -INF, 3.0])
    assert ops.softmax(scores, 0.0).tolist() == [0.5, 0.0, 0.5]


def test_softmax_of_infinite_precision_shares_among_the_best() -> None:
    scores = torch.tensor([[1.0, 3.0, 3.0], [-INF, -5.0, -6.0], [-1e6, -1e6 - 1e-4, -1e6 - 0.1]])
    assert ops.softmax(scores, INF).tolist() == [[0, 0.5, 0.5], [0, 1, 0], [0.5, 0.5, 0]]
    close_to_zero = torch.tensor([0.0, -1e-10, -1e-8])
    assert ops.softmax(close_to_zero, INF).tolist() == [0.5, 0.5, 0.0]


def test_softmax_is_differentiable_where_a_score_is_forbidden() -> None:
    scores = tensor(0.0, -INF, 1.0)
    found = gradient(ops.softmax(scores, 2.0)[0], scores)
    p = 1 / (1 + math.exp(2))
    assert found == pytest.approx([2 * p * (1 - p), 0.0, -2 * p * (1 - p)])
