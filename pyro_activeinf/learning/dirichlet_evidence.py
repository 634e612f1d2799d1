"""How well tables, or other priors of theirs, explain what was seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..filters import ExactFilter
from .counts import Counts
from .expected import expected_counts


def log_evidence(prior: Tensor, seen: Tensor) -> Tensor:
    r"""Logarithm of the Dirichlet-multinomial evidence of each row, ``(*rows)``, in nats.

    .. math::
        \log \frac{B(a + n)}{B(a)}, \qquad
        B(a) = \frac{\prod_i \Gamma(a_i)}{\Gamma(\sum_i a_i)}

    Args:
        prior: a, ``(*rows, size)``; an entry of zero is an impossible outcome.
        seen: n, ``(*rows, size)``; expected counts need not be whole.

    Example:
        >>> log_evidence(torch.tensor([1.0, 1.0]), torch.tensor([1.0, 0.0])).exp().item()  # 1 / 2
        0.5
    """
    prior, seen = prior.double(), seen.double()
    possible = prior > 0
    a = torch.where(possible, prior, 1.0)
    each = torch.where(possible, torch.lgamma(a + seen) - torch.lgamma(a), 0.0)
    each = torch.where(~possible & (seen > 0), -math.inf, each)
    total, number = prior.sum(-1), seen.sum(-1)
    return each.sum(-1) + torch.lgamma(total) - torch.lgamma(total + number)


@dataclass(frozen=True)
class Explained:
    """A bound of the evidence, and the expected counts that go with it."""

    bound: float  # of log p(o), in nats, summed over the batch
    counts: Counts


def evidence_bound(
    filter: ExactFilter, observations: Mapping[str, Any], actions: Any = None
) -> Explained:
    r"""A lower bound of log p(o) with the tables integrated out, in nats.

    .. math::
        \log p(o) \ge E_{q(s)}[\log p(o, s)] + H[q(s)], \qquad
        \log p(o, s) = \sum_{rows} \log \frac{B(a_0 + n(o, s))}{B(a_0)} + \dots

    with q(s) the posterior under the present tables, whose priors are :math:`a_0`, and n replaced
    by its expectation, which lowers the bound by the variational free energy of the tables.
    Exact where states are observed.

    Args:
        filter: of a model with tables.
        observations: site to values ``(*batch, time, *event)``.
        actions: ``(*batch, time - 1)``.

    Reference: Beal (2003), "Variational algorithms for approximate Bayesian inference", ch. 3.
    """
    counts, smoothing = expected_counts(filter, observations, actions)
    bound = -smoothing.free_energy.double().sum()
    for table, seen in counts.items():
        mean = table.counts.double() / table.counts.double().sum(-1, keepdim=True)
        used = torch.where(seen > 0, seen.double() * mean.log(), 0.0).sum()
        prior: Any = getattr(table, "prior", table.counts)
        bound = bound - used + log_evidence(prior, seen).sum()
    return Explained(float(bound), counts)
