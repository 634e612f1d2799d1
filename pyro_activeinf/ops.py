"""Log-space tensor maths: pure functions, differentiable, in nats."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def log(probs: Tensor) -> Tensor:
    """Natural logarithm with ``log 0 = -inf`` and a gradient of zero there.

    Example:
        >>> log(torch.tensor([0.0, 1.0])).tolist()
        [-inf, 0.0]
    """
    positive = probs > 0
    return torch.where(positive, torch.where(positive, probs, 1.0).log(), -math.inf)


def exp_dot(log_probs: Tensor, values: Tensor) -> Tensor:
    r"""Expectation :math:`\sum_i p_i v_i` over the last dim, where ``0 * inf`` counts as 0."""
    probs = log_probs.exp()
    return torch.where(probs > 0, probs * torch.where(probs > 0, values, 0.0), 0.0).sum(-1)


def xlogx(probs: Tensor) -> Tensor:
    """``p log p`` with ``0 log 0 = 0``."""
    if probs.requires_grad:
        return probs * torch.where(probs > 0, probs, 1.0).log()  # a finite gradient at 0
    return -torch.special.entr(probs)


def unravel(index: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Split positions in a flattened space into one per dim, the last varying fastest.

    Example:
        >>> [each.tolist() for each in unravel(torch.tensor([5, 1]), [2, 3])]
        [[1, 0], [2, 1]]
    """
    found: list[Tensor] = []
    for size in reversed(sizes):
        found.insert(0, index % size)
        index = index // size
    return found


def entropy(probs: Tensor) -> Tensor:
    r"""Entropy :math:`-\sum_i p_i \log p_i` over the last dim, in nats.

    Example:
        >>> round(float(entropy(torch.tensor([0.5, 0.5]))), 6)
        0.693147
    """
    return -xlogx(probs).sum(-1)


def kl(log_q: Tensor, log_p: Tensor) -> Tensor:
    r"""Kullback-Leibler divergence :math:`KL[q\|p]` over the last dim, in nats."""
    return exp_dot(log_q, log_q - log_p)


def log_vecmat(log_vector: Tensor, log_matrix: Tensor) -> Tensor:
    r"""Logarithm of a vector-matrix product, :math:`\log \sum_s e^{v_s} e^{M_{st}}`.

    Shapes: ``(*batch, s)`` and ``(*batch, s, t)`` to ``(*batch, t)``. Slower than a product of
    probabilities, and exact where these underflow.
    """
    return logsumexp(log_vector.unsqueeze(-1) + log_matrix, -2)


def logsumexp(values: Tensor, dim: int) -> Tensor:
    """``torch.logsumexp`` with a gradient of zero, not NaN, where all entries are ``-inf``."""
    if not values.requires_grad:
        return torch.logsumexp(values, dim)
    empty = (values == -math.inf).all(dim, keepdim=True)
    total = torch.logsumexp(torch.where(empty, 0.0, values), dim)
    return torch.where(empty.squeeze(dim), -math.inf, total)


def smallest_log(log_values: Tensor, dim: int | None = None) -> Tensor:
    """Smallest finite entry (0 where there is none): how close to underflow a table comes."""
    finite = torch.where(log_values > -math.inf, log_values, 0.0)
    return finite.min() if dim is None else finite.min(dim).values


def softmax(scores: Tensor, precision: float) -> Tensor:
    r"""Boltzmann distribution :math:`\propto e^{\gamma x}` over the last dim.

    An infinite precision shares the probability among the maxima (equal to a relative 1e-9). A
    score of ``-inf`` has probability 0 at any precision.

    Example:
        >>> softmax(torch.tensor([1.0, 3.0, 3.0]), math.inf).tolist()
        [0.0, 0.5, 0.5]
    """
    if math.isinf(precision):
        best = scores.max(-1, keepdim=True).values
        ties = (scores >= best - 1e-9 * best.abs().clamp(min=1.0)).to(scores.dtype)
        return ties / ties.sum(-1, keepdim=True)
    return torch.softmax(torch.where(scores > -math.inf, precision * scores, -math.inf), -1)
