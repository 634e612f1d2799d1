"""Beliefs in hindsight: the backward pass over a filtered episode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.distributions import Distribution

from .. import ops
from ..compile import Site
from .belief import JointBelief


@dataclass(frozen=True)
class Smoothing:
    """Posteriors over the joint states of a whole episode, given all of its observations."""

    sites: tuple[Site, ...]
    log_probs: Tensor  # (*batch, time, states)
    log_pairwise: Tensor  # (*batch, time - 1, states, next states)
    free_energy: Tensor  # (*batch): -log p(o_{0..T}), in nats

    @property
    def probs(self) -> Tensor:
        """q(s_t), ``(*batch, time, states)``."""
        return self.log_probs.exp()

    @property
    def pairwise(self) -> Tensor:
        """q(s_t, s_{t+1}), ``(*batch, time - 1, states, next states)``."""
        return self.log_pairwise.exp()

    @cached_property
    def marginals(self) -> dict[str, Distribution]:
        """A distribution for each state site, with batch shape ``(*batch, time)``."""
        return JointBelief(0, self.sites, log_probs_=self.log_probs).marginals

    def pairwise_marginal(self, site: str) -> Tensor:
        """q(s_t, s_{t+1}) of one state site, ``(*batch, time - 1, values, next values)``."""
        names = [s.name for s in self.sites]
        sizes = [s.size for s in self.sites]
        joint = self.pairwise.unflatten(-1, sizes).unflatten(-1 - len(sizes), sizes)
        first = joint.dim() - 2 * len(sizes)
        kept = (first + names.index(site), first + len(sizes) + names.index(site))
        summed = [d for d in range(first, joint.dim()) if d not in kept]
        return joint.sum(summed) if summed else joint


def backward(beliefs: Sequence[JointBelief], log_matrices: Sequence[Tensor]) -> Smoothing:
    r"""Smooth filtered beliefs.

    .. math::
        q(s_t, s_{t+1}) = q(s_{t+1}) \frac{p(s_{t+1}|s_t) q_f(s_t)}{\sum_s p(s_{t+1}|s) q_f(s)}

    Reference: Rauch, Tung and Striebel (1965); Rabiner (1989).
    """
    smoothed = [beliefs[-1].log_probs]
    pairs: list[Tensor] = []
    for belief, log_matrix in zip(reversed(beliefs[:-1]), reversed(log_matrices), strict=True):
        log_pair = belief.log_probs.unsqueeze(-1) + log_matrix
        log_next = ops.logsumexp(log_pair, -2)
        correction = torch.where(log_next > -torch.inf, smoothed[0] - log_next, -torch.inf)
        log_pair = log_pair + correction.unsqueeze(-2)
        pairs.insert(0, log_pair)
        smoothed.insert(0, ops.logsumexp(log_pair, -1))
    batch = torch.broadcast_shapes(*(x.shape[:-1] for x in smoothed))
    states = smoothed[0].shape[-1]
    log_probs = torch.stack([x.expand(*batch, states) for x in smoothed], -2)
    log_pairwise = (
        torch.stack([x.expand(*batch, states, states) for x in pairs], -3)
        if pairs
        else log_probs.new_zeros(*batch, 0, states, states)
    )
    return Smoothing(
        beliefs[0].sites,
        log_probs,
        log_pairwise,
        sum((b.free_energy for b in beliefs[1:]), beliefs[0].free_energy),
    )
