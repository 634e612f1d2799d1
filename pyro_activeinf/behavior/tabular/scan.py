"""Beliefs of all trials at once: products of matrices in logarithms, parallel in time."""

from __future__ import annotations

import torch
from torch import Tensor

from ... import ops

FEW_STATES = 4  # up to which products of matrices are quicker than steps of vectors


def filtered(log_matrices: Tensor) -> Tensor:
    r"""Rows of the running products of matrices.

    .. math:: b_t[s'] = \log \sum_s e^{b_{t-1}[s] + M_t[s, s']}, \qquad b_0 = M_0[0]

    A matrix whose rows are equal forgets what was before it.

    Args:
        log_matrices: ``(time, *batch, states, states)``.

    Returns:
        ``(time, *batch, states)``, not normalized.

    Reference: Saerkkae and Garcia-Fernandez (2021), "Temporal parallelization of Bayesian
    smoothers", IEEE Transactions on Automatic Control 66; Blelloch (1990), "Prefix sums".

    Example:
        >>> eye = torch.eye(2).log().expand(3, 2, 2)
        >>> filtered(torch.tensor([[[0.25, 0.75]]]).log() + eye.exp() * 0).exp().tolist()
        [[0.25, 0.75], [0.25, 0.75], [0.25, 0.75]]
    """
    if log_matrices.shape[-1] <= FEW_STATES:
        return products(log_matrices)[..., 0, :]
    return _one_by_one(log_matrices)


def products(log_matrices: Tensor) -> Tensor:
    """Running products, ``(time, *batch, states, states)``, in a logarithmic number of steps."""
    count = len(log_matrices)
    if count == 1:
        return log_matrices
    pairs = log_matmul(log_matrices[0 : count - 1 : 2], log_matrices[1::2])
    odd = products(pairs)
    even = log_matmul(odd[: (count - 1) // 2], log_matrices[2::2])
    even = torch.cat([log_matrices[:1], even])
    if len(odd) < len(even):
        odd = torch.cat([odd, odd[:1]])  # a last one that is cut again
    return torch.stack([even, odd], 1).flatten(0, 1)[:count]


def log_matmul(first: Tensor, second: Tensor) -> Tensor:
    """Logarithm of the product of two matrices that are given by logarithms."""
    return ops.logsumexp(first.unsqueeze(-1) + second.unsqueeze(-3), -2)


def _one_by_one(log_matrices: Tensor) -> Tensor:
    beliefs = [log_matrices[0, ..., 0, :]]
    for matrix in log_matrices[1:]:
        beliefs.append(ops.log_vecmat(beliefs[-1], matrix))
    return torch.stack(beliefs)
