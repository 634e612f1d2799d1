"""Beliefs of all trials: one pass forward, and one pass back for derivatives."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import get_proxy_mode

from ... import ops
from ..persons import functorch
from .matrices import Chain, log_matrices
from .weights import some


def filtered(chain: Chain) -> Tensor:
    r"""Filter forward in time, in logarithms.

    .. math::
        b_t[s'] = \log p(o_t|s') + \log \sum_s e^{b_{t-1}[s]} p(s'|s, u_{t-1}), \qquad
        b_t[s] = \log p(o_t|s) p(s_0 = s) \text{ at starts}

    Derivatives are those of a second recursion, backward in time; where all of :math:`b_t` is
    -inf they are zero. States come first and persons last, so that each operation goes through
    memory in a row.

    Args:
        chain: of persons ``(*batch)``.

    Returns:
        :math:`b_t`, ``(time, *batch, states)``, not normalized.

    A tracer gets another way to the same numbers, parallel in time: running products of matrices
    in a logarithmic number of operations, so that its graph is small.

    Reference: Rabiner (1989), "A tutorial on hidden Markov models", sec. III; Saerkkae and
    Garcia-Fernandez (2021), "Temporal parallelization of Bayesian smoothers".

    Example:
        >>> move = torch.tensor([[[0.25, 0.75], [0.5, 0.5]]]).log()
        >>> first, nothing = torch.tensor([0.25, 0.75]).log(), torch.zeros(3, 2)
        >>> starts = torch.tensor([True, False, True])
        >>> chain = Chain(first, move, nothing, torch.zeros(3, dtype=torch.long), starts)
        >>> filtered(chain).exp().round(decimals=4).tolist()
        [[0.25, 0.75], [0.4375, 0.5625], [0.25, 0.75]]
    """
    if get_proxy_mode() is not None:
        return _products(log_matrices(chain), chain.starts)[0][..., 0, :]
    batch = chain.starts.shape[1:]
    first = chain.log_initial.reshape(-1, chain.log_initial.shape[-1]).mT.contiguous()
    moves = chain.log_transition.reshape(-1, *chain.log_transition.shape[-3:])
    told = chain.log_evidence.reshape(len(chain.starts), -1, len(first)).mT.contiguous()
    acted, starts = (each.reshape(len(told), -1) for each in (chain.moves, chain.starts))
    found: Tensor = _Filtered.apply(  # type: ignore[no-untyped-call]
        first, moves.movedim(0, -1).contiguous(), told, acted, starts
    )
    return found.mT.reshape(-1, *batch, len(first))


class _Filtered(torch.autograd.Function):
    """The recursion, whose steps need no graph of their own."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        first: Tensor, moves: Tensor, told: Tensor, acted: Tensor, starts: Tensor
    ) -> Tensor:
        """Beliefs, not normalized.

        Args:
            first: log p(s_0), ``(states, persons)``.
            moves: log p(s'|s, u), ``(actions, states, next states, persons)``.
            told: log p(o_t|s), ``(time, states, persons)``.
            acted: ``(time, persons)``.
            starts: ``(time, persons)``.
        """
        found = [first]
        for t, begins in enumerate(_any(starts)[1:], 1):
            seen = (found[-1] + told[t - 1]).unsqueeze(1)
            on = torch.logsumexp(seen + _at(moves, acted[t]), 0)
            found.append(torch.where(starts[t], first, on) if begins else on)
        return torch.stack(found) + told

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Keep moves and beliefs."""
        ctx.save_for_backward(inputs[1], *inputs[3:], output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        r"""Going back with shares :math:`w_t[s,s'] \propto e^{b_{t-1}[s] + M_t[s,s']}`."""
        moves, acted, starts, beliefs = ctx.saved_tensors
        grad = grad * beliefs.isfinite()
        kept, taken = (~starts).to(grad), _taken(acted, len(moves)).to(grad)
        back, used = [grad[-1]], torch.zeros_like(moves)
        for t in range(len(grad) - 1, 0, -1):
            each = beliefs[t - 1].unsqueeze(1) + _at(moves, acted[t])
            flow = some(each).softmax(0) * (back[-1] * kept[t])
            used = torch.addcmul(used, taken[t], flow)
            back.append(grad[t - 1] + flow.sum(1))
        whole = torch.stack(back[::-1])
        return (whole * starts.unsqueeze(1)).sum(0), used, whole, None, None


def _any(starts: Tensor) -> list[bool]:
    """Whether anybody starts at a time step; if in doubt, yes."""
    if functorch.is_functorch_wrapped_tensor(starts):
        return [True] * len(starts)
    found: list[bool] = starts.any(1).tolist()
    return found


def _at(moves: Tensor, acted: Tensor) -> Tensor:
    """Those of the actions that were taken, ``(states, next states, persons)``."""
    if len(moves) == 1:
        return moves[0]
    return moves.gather(0, acted.expand(1, *moves.shape[1:-1], -1)).squeeze(0)


def _taken(acted: Tensor, actions: int) -> Tensor:
    """Whether each action was taken, ``(time, actions, 1, 1, persons)``."""
    return (acted.unsqueeze(1) == torch.arange(actions).unsqueeze(-1))[:, :, None, None]


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
