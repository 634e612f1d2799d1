"""Log-space tensor maths: pure functions, differentiable, in nats."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

FEW = 2**11  # numbers up to which one slow operation beats three quick ones


def log(probs: Tensor) -> Tensor:
    """Natural logarithm with ``log 0 = -inf`` and a gradient of zero there.

    Example:
        >>> log(torch.tensor([0.0, 1.0])).tolist()
        [-inf, 0.0]
    """
    if not probs.requires_grad:
        return probs.log()
    positive = probs > 0  # a gradient of zero, not NaN, where there is no probability
    return torch.where(positive, torch.where(positive, probs, 1.0).log(), -math.inf)


@cache
def least_log(dtype: torch.dtype) -> float:
    """The logarithm of the smallest number that a floating type holds in full precision."""
    return math.log(torch.finfo(dtype).tiny)


def any_equal(values: Tensor, number: float) -> bool:
    """Whether some entry equals a number; quick for a single one.

    Example:
        >>> any_equal(torch.tensor([1.0, 0.0]), 0.0), any_equal(torch.tensor(1.0), 0.0)
        (True, False)
    """
    if values.numel() == 1:
        return values.item() == number
    return bool((values == number).any())


def exp_dot(log_probs: Tensor, values: Tensor) -> Tensor:
    r"""Expectation :math:`\sum_i p_i v_i` over the last dim, where ``0 * inf`` counts as 0."""
    probs = log_probs.exp()
    return torch.where(probs > 0, probs * torch.where(probs > 0, values, 0.0), 0.0).sum(-1)


def xlogx(probs: Tensor) -> Tensor:
    """``p log p`` with ``0 log 0 = 0``."""
    if probs.requires_grad:
        return probs * (probs + (probs <= 0)).log()  # a finite gradient at 0
    if probs.numel() < FEW:
        return torch.special.entr(probs).neg_()
    tiny = torch.finfo(probs.dtype).tiny
    return probs.clamp_min(tiny).log_().mul_(probs)  # where there is much, twice as fast


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


def entropy(probs: Tensor, dim: int = -1) -> Tensor:
    r"""Entropy :math:`-\sum_i p_i \log p_i` over a dim (by default the last), in nats.

    Example:
        >>> round(float(entropy(torch.tensor([0.5, 0.5]))), 6)
        0.693147
    """
    if not probs.requires_grad and probs.numel() < FEW:
        return torch.special.entr(probs).sum(dim)
    return -xlogx(probs).sum(dim)


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


def finite(values: Tensor) -> Tensor:
    """The same numbers, with 0 in place of infinite ones."""
    return torch.where(values.isinf(), 0.0, values)


def smallest_log(log_values: Tensor, dim: int | None = None) -> Tensor:
    """Smallest finite entry (0 where there is none): how close to underflow a table comes."""
    if not log_values.numel():
        return log_values.new_zeros(())
    finite = log_values.nan_to_num(0.0, neginf=0.0)
    return finite.min() if dim is None else finite.min(dim).values


def infinite(number: float | Tensor) -> bool:
    """Whether a number is infinite; a tensor, through which gradients flow, is taken as finite."""
    return not isinstance(number, Tensor) and math.isinf(number)


def softmax(scores: Tensor, precision: float | Tensor) -> Tensor:
    r"""Boltzmann distribution :math:`\propto e^{\gamma x}` over the last dim.

    An infinite precision shares the probability among the maxima (equal to a relative 1e-9, or
    1e-6 in single precision). A score of ``-inf`` has probability 0 at any precision.

    Example:
        >>> softmax(torch.tensor([1.0, 3.0, 3.0]), math.inf).tolist()
        [0.0, 0.5, 0.5]
    """
    if infinite(precision):
        best = scores.max(-1, keepdim=True).values
        near = max(1e-9, 8 * torch.finfo(scores.dtype).eps)
        ties = (scores >= best - near * best.abs().clamp(min=1.0)).to(scores.dtype)
        return ties / ties.sum(-1, keepdim=True)
    return torch.softmax(weighed(scores, precision), -1)


def weighed(scores: Tensor, factor: float | Tensor) -> Tensor:
    """``factor * scores``; an infinite score counts as minus infinity where the factor is 0."""
    if isinstance(factor, Tensor):
        held = torch.where(scores.isinf(), 0.0, scores)
        return torch.where(scores.isinf(), -math.inf, factor * held)
    if factor:
        return factor * scores
    return torch.where(scores.isinf(), -math.inf, 0.0).to(scores)


def draw(probs: Tensor, precision: float | Tensor = 1.0) -> Tensor:
    r"""Draw positions with probability :math:`\propto p^\alpha`: ``(*batch)``.

    Args:
        probs: ``(*batch, values)``.
        precision: alpha; infinite for the most probable ones.

    Example:
        >>> draw(torch.tensor([[0.0, 1.0], [1.0, 0.0]])).tolist()
        [1, 0]
    """
    precision = float(precision.detach() if isinstance(precision, Tensor) else precision)
    if probs.dim() > 1 or math.isinf(precision):
        rows = softmax(log(probs), precision)
        return torch.multinomial(rows.reshape(-1, rows.shape[-1]), 1).reshape(rows.shape[:-1])
    each = probs.tolist()  # for one, numbers are quicker than tensors
    best = max(each)
    sums = list(itertools.accumulate((p / best) ** precision if p else 0.0 for p in each))
    place = bisect.bisect_right(sums, torch.rand(()).item() * sums[-1])
    return torch.tensor(place, device=probs.device)
