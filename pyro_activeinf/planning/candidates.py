"""From scored real-valued policies to a posterior over them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import ops
from .._checks import complain
from ..filters import Filter
from ..free_energy.policies import score_policies
from ..records import Belief, ExpectedFreeEnergyTerms, PolicyPosterior
from .priors import PolicyPrior


@dataclass(frozen=True)
class Objective:
    r"""What a policy costs: :math:`J(u) = \gamma G(u) - \log p(u)`, in nats.

    An infinite precision leaves G alone.
    """

    terms: frozenset[str]
    precision: float
    prior: PolicyPrior
    memory_limit: int

    def __call__(self, filter: Filter, belief: Belief, policies: Tensor) -> Candidates:
        """Score policies ``(*batch, policies, time, *event)``."""
        found = score_policies(filter, belief, policies, self.memory_limit)
        scores = found.select(self.terms).sum(-1)
        if math.isinf(self.precision):
            return Candidates(policies, found.values, scores, scores)
        log_prior = self.prior.log_prob(filter, belief, policies)
        cost = ops.weighed(scores, self.precision) - log_prior
        return Candidates(policies, found.values, scores, cost)


@dataclass(frozen=True)
class Candidates:
    """Policies and what they cost."""

    policies: Tensor  # (*batch, policies, time, *event)
    values: Tensor  # (*batch, policies, time, 4, 1 + sites): see ExpectedFreeEnergyTerms
    scores: Tensor  # (*batch, policies): G of the terms that count, nats
    cost: Tensor  # (*batch, policies): J, nats

    def best(self, count: int) -> Candidates:
        """So many that cost the least, the best one first."""
        index = self.cost.topk(count, largest=False).indices
        each = (self.policies, self.values, self.scores, self.cost)
        return Candidates(*(rows_of(part, index) for part in each))

    def posterior(self, filter: Filter) -> PolicyPosterior:
        r"""q(u), proportional to :math:`e^{-J(u)}` among the candidates."""
        if ops.any_equal(self.cost.amin(-1), math.inf):
            raise ValueError(
                complain(
                    "policies",
                    "one of finite expected free energy and positive prior",
                    "none among the candidates",
                    "Widen what is preferred, or the habit; or search with more samples.",
                )
            )
        nodes = ExpectedFreeEnergyTerms(self.values, filter.observation_sites)
        probs = torch.softmax(-self.cost, -1)
        return PolicyPosterior(self.policies, nodes, self.scores, probs, probs)


def rows_of(rows: Tensor, index: Tensor) -> Tensor:
    """Entries of ``(*batch, n, ..)`` picked by ``index (*batch, m)``: ``(*batch, m, ..)``."""
    inner = rows.shape[index.dim() :]
    wide = index.reshape(*index.shape, *[1] * len(inner)).expand(*index.shape, *inner)
    return rows.gather(index.dim() - 1, wide)
