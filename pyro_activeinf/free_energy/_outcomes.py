"""The outcomes that particles can show, listed: each observation site on a dim of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor

from .. import ops
from ..compile.enumerate import HANDLERS
from ..filters.prediction import Likelihood
from ..filters.sampling import log_prob
from .outcome_rules import OutcomeRule, finite_support


@dataclass(frozen=True)
class ListedSite:
    """Weighted outcomes of one site; its own dim is the leftmost, sites before it follow."""

    values: Tensor  # (count, 1 or counts of sites before .., particles, *batch, *event)
    log_weights: Tensor  # (count, .., particles, *batch): they sum to 1 over its own dim
    log_probs: Tensor  # (count, .., particles, *batch): log p(o|s) of each, in nats
    finite: bool  # whether these are all the values there are


@dataclass(frozen=True)
class ListedOutcomes:
    """What each particle would show; ``outer`` are the dims of sites, that of the last leftmost."""

    sites: Mapping[str, ListedSite]
    shape: torch.Size  # (particles, *batch)

    @property
    def finite(self) -> bool:
        """Whether every value of every site is listed."""
        return all(site.finite for site in self.sites.values())

    @property
    def full(self) -> torch.Size:
        """``(*outer, particles, *batch)``."""
        counts = [len(site.values) for site in self.sites.values()]
        return torch.Size([*reversed(counts), *self.shape])

    @property
    def log_weights(self) -> Tensor:
        """Weight of each joint outcome of a particle, ``(*outer, particles, *batch)``."""
        return self.wide(sum(site.log_weights for site in self.sites.values()))

    def wide(self, values: Any) -> Tensor:
        """Spell out all dims, ``(*outer, particles, *batch)``."""
        return torch.as_tensor(values).expand(self.full)

    def flat(self, values: Tensor, event: int = 0) -> Tensor:
        """The outer dims as one: ``(outcomes, particles, *batch, *event)``."""
        right = values.shape[values.dim() - event :]
        return values.expand(*self.full, *right).reshape(-1, *self.shape, *right)

    def marginal(self, site: str) -> Tensor:
        """Weight of each outcome of one site by itself, ``(count, particles, *batch)``."""
        place = len(self.sites) - 1 - list(self.sites).index(site)
        table = self.log_weights.movedim(place, 0)
        for _ in range(len(self.sites) - 1):
            table = ops.logsumexp(table, 1)
        return table


def list_outcomes(likelihood: Likelihood, rule: OutcomeRule) -> ListedOutcomes:
    """Run the program once, with discrete outcomes enumerated and others listed by the rule."""
    lister = _Lister(likelihood, rule)
    with HANDLERS, lister:
        likelihood.program(likelihood.states)
    return ListedOutcomes(lister.sites, likelihood.shape)


class _Lister(Messenger):
    """Puts the outcomes of each site on a new dim, left of all others."""

    def __init__(self, likelihood: Likelihood, rule: OutcomeRule) -> None:
        super().__init__()
        self.dims, self.rule = len(likelihood.shape), rule
        self.parameters = likelihood.parameters
        self.sites: dict[str, ListedSite] = {}

    def _pyro_sample(self, msg: Any) -> None:
        msg["stop"] = True  # particles stay out of any trace around
        if msg["is_observed"]:
            return
        name = msg["name"]
        if name in self.parameters:
            msg["value"] = self.parameters[name]
        else:
            site = self.sites[name] = self._listed(name, msg["fn"])
            msg["value"] = site.values
        msg["done"] = True

    def _listed(self, name: str, fn: Any) -> ListedSite:
        right = self.dims + len(self.sites)
        support = finite_support(fn)
        if support is not None:
            values = support.reshape(len(support), *[1] * right, *fn.event_shape)
            log_probs = log_prob(fn, values)
            return ListedSite(values, log_probs, log_probs, True)
        values, log_weights = self.rule(name, fn)
        gap = [1] * (right - len(fn.batch_shape))
        values = values.reshape(len(values), *gap, *fn.batch_shape, *fn.event_shape)
        log_weights = log_weights.reshape(len(values), *gap, *log_weights.shape[1:])
        return ListedSite(values, log_weights, fn.log_prob(values), False)
