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
        log_prior = self.log_prior(filter, belief, policies)
        return Candidates(policies, found.values, scores, self.cost(scores, log_prior))

    def log_prior(self, filter: Filter, belief: Belief, policies: Tensor) -> Tensor:
        """log p(u), of a shape that broadcasts to ``(*batch, policies)``."""
        return self.prior.log_prob(filter, belief, policies)

    def cost(self, scores: Tensor, log_prior: Tensor) -> Tensor:
        """J, ``(*batch, policies)``."""
        if math.isinf(self.precision):
            return torch.where(log_prior == -math.inf, math.inf, scores)
        return ops.weighed(scores, self.precision) - log_prior


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
            raise ValueError(no_candidate())
        nodes = ExpectedFreeEnergyTerms(self.values, filter.observation_sites)
        probs = torch.softmax(-self.cost, -1)
        return PolicyPosterior(self.policies, nodes, self.scores, probs, probs)


def no_candidate() -> str:
    """Words for a belief from which no policy is possible."""
    return complain(
        "policies",
        "one of finite expected free energy and positive prior",
        "none among the candidates",
        "Outcomes at a preference of -inf cannot be avoided, or a habit allows for none of what "
        "was tried; use large negative numbers instead.",
    )


def rows_of(rows: Tensor, index: Tensor) -> Tensor:
    """Entries of ``(*batch, n, ..)`` picked by ``index (*batch, m)``: ``(*batch, m, ..)``."""
    inner = rows.shape[index.dim() :]
    wide = index.reshape(*index.shape, *[1] * len(inner)).expand(*index.shape, *inner)
    return rows.gather(index.dim() - 1, wide)
