"""Gaussian beliefs in hindsight: the backward pass over a filtered episode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..compile import Layout, Linearized, apply
from .gaussian_belief import GaussianBelief
from .gaussian_update import symmetric


@dataclass(frozen=True)
class GaussianSmoothing:
    """Posteriors over the states of a whole episode, given all of its observations."""

    layout: Layout
    mean: Tensor  # (*batch, time, n)
    cov: Tensor  # (*batch, time, n, n)
    cross: Tensor  # (*batch, time - 1, n, n): Cov(s_{t+1}, s_t)
    free_energy: Tensor  # (*batch): -log p(o_{0..T}), in nats

    @cached_property
    def marginals(self) -> dict[str, Distribution]:
        """A distribution for each state site, with batch shape ``(*batch, time)``."""
        return GaussianBelief(0, self.layout, self.mean, self.cov).marginals


def backward(
    filtered: Sequence[GaussianBelief],
    predicted: Sequence[GaussianBelief],
    moves: Sequence[Linearized],
) -> GaussianSmoothing:
    r"""Smooth filtered beliefs; predicted ones and moves are those from each step to the next.

    .. math::
        J = P_t A^T \bar P_{t+1}^{+}, \quad
        m_t' = m_t + J (m_{t+1}' - \bar m_{t+1}), \quad
        P_t' = P_t + J (P_{t+1}' - \bar P_{t+1}) J^T, \quad
        Cov(s_{t+1}, s_t) = P_{t+1}' J^T

    The pseudo-inverse serves states that move without noise. Exact where programs are linear.

    Reference: Rauch, Tung and Striebel (1965), "Maximum likelihood estimates of linear dynamic
    systems"; Shumway and Stoffer (1982) for the covariance of neighbors.
    """
    means, covs = [filtered[-1].mean], [filtered[-1].cov]
    crosses: list[Tensor] = []
    steps = zip(filtered[:-1], predicted, moves, strict=True)
    for belief, ahead, move in reversed(list(steps)):
        gain = smoothing_gain(belief.cov, move.slope, ahead.cov)
        crosses.insert(0, covs[0] @ gain.mT)
        covs.insert(0, symmetric(belief.cov + gain @ (covs[0] - ahead.cov) @ gain.mT))
        means.insert(0, belief.mean + apply(gain, means[0] - ahead.mean))
    shape = filtered[-1].mean.shape
    none = means[0].new_zeros(*shape[:-1], 0, shape[-1], shape[-1])
    return GaussianSmoothing(
        filtered[0].layout,
        _stacked(means, shape, -2),
        _stacked(covs, (*shape, shape[-1]), -3),
        _stacked(crosses, (*shape, shape[-1]), -3) if crosses else none,
        sum((belief.free_energy for belief in filtered[1:]), filtered[0].free_energy),
    )


def smoothing_gain(cov: Tensor, slope: Tensor, ahead: Tensor) -> Tensor:
    """J = P A' times the (pseudo-)inverse of the predicted covariance."""
    cross = slope @ cov
    spread, info = torch.linalg.cholesky_ex(ahead)
    if bool(info.any()):
        return (torch.linalg.pinv(ahead, hermitian=True) @ cross).mT
    return torch.cholesky_solve(cross, spread).mT


def _stacked(tensors: Sequence[Tensor], shape: Sequence[int], dim: int) -> Tensor:
    return torch.stack([tensor.expand(*shape) for tensor in tensors], dim)
