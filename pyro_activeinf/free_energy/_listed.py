"""Expected free energy from listed outcomes: sums in place of samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import accumulate

import torch
from torch import Tensor

from .. import ops
from ..filters.nested import estimate, log_sum
from ..filters.prediction import Estimate, Prediction
from ._outcomes import ListedOutcomes, list_outcomes
from .outcome_rules import OutcomeRule


def listed_terms(prediction: Prediction, rule: OutcomeRule, memory_limit: int) -> Estimate:
    r"""Sums over the listed outcomes of each particle, with weights v.

    .. math::
        I(s; o) = \sum_j w_j \sum_k v_{jk} \Big[\log p(o_{jk}|s_j)
            - \log \sum_i w_i \, p(o_{jk}|s_i)\Big]

    Where all sites are finite, of p(o|s) itself: of each site by its own marginal. Else sites
    that depend on each other count for what they add to those before them.
    """
    outcomes = list_outcomes(prediction.likelihood, rule)
    worth = _pragmatic(prediction, outcomes)
    parts = _finite(prediction, outcomes) if outcomes.finite else None
    information, ambiguity = parts or _mixed(prediction, outcomes, memory_limit)
    found = estimate(prediction.weights, tuple(outcomes.sites), worth, information, ambiguity)
    return found if prediction.sampled else replace(found, standard_error={})


def expected(log_weights: Tensor, values: Tensor) -> Tensor:
    """Sums over the first dim of ``exp(log_weights) * values``, where 0 times inf is 0."""
    wide = torch.broadcast_shapes(log_weights.shape, values.shape)
    return ops.exp_dot(log_weights.expand(wide).movedim(0, -1), values.expand(wide).movedim(0, -1))


def _pragmatic(prediction: Prediction, outcomes: ListedOutcomes) -> list[Tensor]:
    """E[log p~ | s_j] of all sites together (states too), and of each observation site."""
    values = {name: site.values for name, site in outcomes.sites.items()}
    found = prediction.log_preference({**prediction.states, **values})
    log_weights = outcomes.flat(outcomes.log_weights)
    zero = torch.zeros_like(prediction.weights)
    each = {
        name: expected(log_weights, outcomes.flat(value)) if name in values else zero + value
        for name, value in found.items()
    }
    return [sum(each.values(), zero), *(each.get(name, zero) for name in outcomes.sites)]


def _finite(prediction: Prediction, outcomes: ListedOutcomes) -> tuple[list[Tensor], list[Tensor]]:
    """Information and ambiguity of each particle, of all sites and of each by itself."""
    tables = [outcomes.flat(outcomes.log_weights)]
    if len(outcomes.sites) > 1:
        tables += [outcomes.marginal(name) for name in outcomes.sites]
    else:
        tables *= 2
    log_weights = prediction.weights.log()
    information, ambiguity = [], []
    for table in tables:
        own = ops.xlogx(table.exp()).sum(0)
        mixture = ops.logsumexp(table + log_weights, 1).unsqueeze(1)
        information.append(own - expected(table, mixture))
        ambiguity.append(-own)
    return information, ambiguity


def _mixed(
    prediction: Prediction, outcomes: ListedOutcomes, memory_limit: int
) -> tuple[list[Tensor], list[Tensor]]:
    log_weights = outcomes.flat(outcomes.log_weights)
    own = [outcomes.flat(site.log_probs) for site in outcomes.sites.values()]
    mixtures = _mixtures(prediction, outcomes, memory_limit)
    single = len(own) == 1
    linked = prediction.likelihood.linked
    joint = sum(own[1:], own[0])
    information = [expected(log_weights, joint - mixtures[-1])]
    shares = [joint - mixtures[-1]] if single else list(_shares(own, mixtures, linked))
    information += [expected(log_weights, share) for share in shares]
    entropy = [-expected(log_weights, log_probs) for log_probs in own]
    return information, [sum(entropy[1:], entropy[0]), *entropy]


def _shares(own: list[Tensor], mixtures: list[Tensor], linked: bool) -> Iterator[Tensor]:
    before: Tensor | float = 0.0
    for log_probs, mixture in zip(own, mixtures, strict=False):
        yield log_probs - mixture + before
        before = mixture if linked else 0.0


def _mixtures(prediction: Prediction, outcomes: ListedOutcomes, memory_limit: int) -> list[Tensor]:
    """log q(o) at every outcome, ``(outcomes, particles, *batch)``.

    Of each site (or up to it, where they depend on each other), and of all.
    """
    likelihood = prediction.likelihood
    events = {name: len(fn.event_shape) for name, fn in likelihood.sites.items()}
    values = {
        name: outcomes.flat(site.values, events[name]).flatten(0, 1)
        for name, site in outcomes.sites.items()
    }
    pairs = likelihood.pairs(values)
    log_weights = prediction.log_weights.expand(likelihood.shape).movedim(0, -1).unsqueeze(-2)

    def mixed(rows: slice) -> list[Tensor]:
        return [log_sum(t + log_weights) for t in _tables(pairs(rows), likelihood.linked)]

    count = outcomes.full[: len(outcomes.sites) + 1].numel()
    size = likelihood.shape.numel() * (3 + len(values)) * log_weights.element_size()
    parts = [mixed(rows) for rows in _chunks(count, max(1, memory_limit // max(1, size)))]
    return [
        torch.cat(each, -1).movedim(-1, 0).reshape(-1, *likelihood.shape)
        for each in zip(*parts, strict=True)
    ]


def _tables(pairs: Mapping[str, Tensor], linked: bool) -> list[Tensor]:
    """Log-densities of sites (or up to each), and of all of them."""
    each = list(pairs.values())
    sums = list(accumulate(each))
    return sums if linked or len(each) == 1 else [*each, sums[-1]]


def _chunks(count: int, rows: int) -> Iterator[slice]:
    for start in range(0, count, rows):
        yield slice(start, min(start + rows, count))
