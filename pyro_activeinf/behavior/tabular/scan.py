"""Beliefs of all trials: one pass forward, and one pass back for derivatives."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import get_proxy_mode

from ... import ops


def filtered(log_matrices: Tensor, starts: Tensor) -> Tensor:
    r"""Running products of matrices with a vector, in logarithms.

    .. math::
        b_t[s'] = \log \sum_s e^{b_{t-1}[s] + M_t[s, s']}, \qquad
        b_t = M_t[0] \text{ at starts}

    Derivatives are those of a second recursion, backward in time; where all of :math:`b_t` is
    -inf they are zero.

    Args:
        log_matrices: ``(time, *batch, states, states)``.
        starts: where the past is forgotten, ``(time, *batch)``; always at the first time step.

    Returns:
        ``(time, *batch, states)``, not normalized.

    A tracer gets another way to the same numbers, parallel in time: running products of matrices
    in a logarithmic number of operations, so that its graph is small.

    Reference: Rabiner (1989), "A tutorial on hidden Markov models", sec. III; Saerkkae and
    Garcia-Fernandez (2021), "Temporal parallelization of Bayesian smoothers".

    Example:
        >>> chain = torch.tensor([[0.25, 0.75], [0.5, 0.5]]).log().expand(3, 2, 2)
        >>> filtered(chain, torch.tensor([True, False, True])).exp().round(decimals=4).tolist()
        [[0.25, 0.75], [0.4375, 0.5625], [0.25, 0.75]]
    """
    wide = starts.expand(log_matrices.shape[:-2])
    if get_proxy_mode() is not None:
        return _products(log_matrices, wide)[0][..., 0, :]
    found: Tensor = _Filtered.apply(log_matrices, wide)  # type: ignore[no-untyped-call]
    return found


class _Filtered(torch.autograd.Function):
    """The recursion, whose steps need no graph of their own."""

    generate_vmap_rule = True

    @staticmethod
    def forward(log_matrices: Tensor, starts: Tensor) -> Tensor:
        """Beliefs, not normalized."""
        first = _first(log_matrices)
        belief = first.expand(log_matrices.shape[1:-1])
        found = []
        for matrix, start in zip(log_matrices, starts.unsqueeze(-1), strict=True):
            before = torch.where(start, first, belief).unsqueeze(-1)
            belief = torch.logsumexp(before + matrix, -2)
            found.append(belief)
        return torch.stack(found)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        """Keep matrices and beliefs."""
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        r"""With shares :math:`w_t[s,s'] = e^{b_{t-1}[s] + M_t[s,s'] - b_t[s']}` going back."""
        log_matrices, starts, beliefs = ctx.saved_tensors
        first = _first(log_matrices)
        before = torch.cat([first.expand_as(beliefs[:1]), beliefs[:-1]])
        before = torch.where(starts.unsqueeze(-1), first, before)
        total = torch.where(beliefs.isinf(), 0.0, beliefs)
        shares = (before.unsqueeze(-1) + log_matrices - total.unsqueeze(-2)).exp()
        kept = torch.where(starts[..., None, None], 0.0, shares)
        back = [grad[-1]]
        for t in range(len(shares) - 1, 0, -1):
            back.append(grad[t - 1] + torch.matmul(kept[t], back[-1].unsqueeze(-1)).squeeze(-1))
        return shares * torch.stack(back[::-1]).unsqueeze(-2), None


def _products(log_matrices: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
    """Running products since the last start, and whether there was one."""
    count = len(log_matrices)
    if count == 1:
        return log_matrices, starts
    each = log_matrices, starts
    pairs = _joined(_part(each, 0, count - 1), _part(each, 1, count))
    odd = _products(*pairs)
    even = _joined(_part(odd, 0, (count - 1) // 2, 1), _part(each, 2, count))
    return _interleaved(each[0], even[0], odd[0]), _interleaved(each[1], even[1], odd[1])


Products = tuple[Tensor, Tensor]


def _part(each: Products, first: int, end: int, step: int = 2) -> Products:
    return each[0][first:end:step], each[1][first:end:step]


def _joined(first: Products, second: Products) -> Products:
    """One product after another, which counts alone where it has a start."""
    both = ops.logsumexp(first[0].unsqueeze(-1) + second[0].unsqueeze(-3), -2)
    matrices = torch.where(second[1][..., None, None], second[0], both)
    return matrices, first[1] | second[1]


def _interleaved(whole: Tensor, even: Tensor, odd: Tensor) -> Tensor:
    """The first of the whole, then by turns those of ``odd`` and ``even``."""
    even = torch.cat([whole[:1], even])
    both = torch.stack([even[: len(odd)], odd], 1).flatten(0, 1)
    return torch.cat([both, even[len(odd) :]])


def _first(log_matrices: Tensor) -> Tensor:
    """The vector that picks the first row, ``(states,)``."""
    states = torch.arange(log_matrices.shape[-1], device=log_matrices.device)
    return torch.where(states == 0, 0.0, -math.inf).to(log_matrices.dtype)
