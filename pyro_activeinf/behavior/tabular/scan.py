"""Beliefs of all trials: one pass forward, and one pass back for derivatives."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def filtered(log_matrices: Tensor) -> Tensor:
    r"""Running products of matrices with a vector, in logarithms.

    .. math:: b_t[s'] = \log \sum_s e^{b_{t-1}[s] + M_t[s, s']}, \qquad b_0 = M_0[0]

    A matrix whose rows are equal forgets what was before it. Derivatives are those of a second
    recursion, backward in time; where all of :math:`b_t` is -inf they are zero.

    Args:
        log_matrices: ``(time, *batch, states, states)``.

    Returns:
        ``(time, *batch, states)``, not normalized.

    Reference: Rabiner (1989), "A tutorial on hidden Markov models", sec. III.

    Example:
        >>> chain = torch.tensor([[0.25, 0.75], [0.5, 0.5]]).log().expand(3, 2, 2)
        >>> filtered(chain).exp().tolist()
        [[0.25, 0.75], [0.4375, 0.5625], [0.390625, 0.609375]]
    """
    found: Tensor = _Filtered.apply(log_matrices)  # type: ignore[no-untyped-call]
    return found


class _Filtered(torch.autograd.Function):
    """The recursion, whose steps need no graph of their own."""

    generate_vmap_rule = True

    @staticmethod
    def forward(log_matrices: Tensor) -> Tensor:
        """Beliefs, not normalized."""
        beliefs = [log_matrices[0, ..., 0, :]]
        for matrix in log_matrices[1:]:
            beliefs.append(torch.logsumexp(beliefs[-1].unsqueeze(-1) + matrix, -2))
        return torch.stack(beliefs)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        """Keep matrices and beliefs."""
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        r"""With shares :math:`w_t[s,s'] = e^{b_{t-1}[s] + M_t[s,s'] - b_t[s']}` going back."""
        log_matrices, beliefs = ctx.saved_tensors
        total = torch.where(beliefs.isinf(), 0.0, beliefs)
        shares = (beliefs[:-1].unsqueeze(-1) + log_matrices[1:] - total[1:].unsqueeze(-2)).exp()
        back = [grad[-1]]
        for t in range(len(shares) - 1, -1, -1):
            back.append(grad[t] + torch.matmul(shares[t], back[-1].unsqueeze(-1)).squeeze(-1))
        reached = torch.stack(back[::-1])
        start = reached[:1].unsqueeze(-2)
        first = torch.cat([start, torch.zeros_like(log_matrices[:1, ..., 1:, :])], -2)
        return torch.cat([first, shares * reached[1:].unsqueeze(-2)])
