"""What a belief predicts to be seen, and what that is worth: one matrix product per step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import ops
from ..compile import Role, Table, Tables
from ..records import ExpectedFreeEnergyTerms
from .joint import log_likelihood

FUSED_PRODUCTS = 2**31


@dataclass(frozen=True)
class OutcomeModel:
    """Outcome probabilities and their entropies, for the total and for each site by itself.

    Column group 0 is the total: the joint outcome of all the sites, or (where outcomes are taken
    site by site) all of the columns together.
    """

    sites: tuple[str, ...]
    likelihood: Tensor  # (states, columns): p(o | s)
    groups: Tensor  # (columns, 1 + sites): 1 where a column counts for a group
    ambiguity: Tensor  # (states, 1 + sites): H[p(o | s)]


def outcome_model(tables: Tables, joint: bool) -> OutcomeModel:
    """Lay the likelihoods of all observation sites side by side."""
    names = tuple(site.name for site in tables.outcomes)
    blocks = [log_likelihood(tables, [name]).exp() for name in names]
    groups = [_indicator(block.shape[-1], i + 1, len(names)) for i, block in enumerate(blocks)]
    if not joint or len(names) == 1:
        for group in groups:
            group[:, 0] = 1.0
    else:
        both = joint_likelihood(tables)
        blocks, groups = [both, *blocks], [_indicator(both.shape[-1], 0, len(names)), *groups]
    likelihood = torch.cat(blocks, -1)
    indicator = torch.cat(groups).to(likelihood)
    return OutcomeModel(names, likelihood, indicator, -ops.xlogx(likelihood) @ indicator)


def joint_likelihood(tables: Tables) -> Tensor:
    """p(o | s) of the joint outcomes that some state can show, ``(states, outcomes)``."""
    found = log_likelihood(tables, [site.name for site in tables.outcomes]).exp().flatten(1)
    return found[:, (found.detach() > 0).any(0)]


def _indicator(columns: int, group: int, sites: int) -> Tensor:
    found = torch.zeros(columns, 1 + sites)
    found[:, group] = 1.0
    return found


@dataclass(frozen=True)
class ScoredOutcomes:
    """An outcome model joined with the preferences of one time step."""

    model: OutcomeModel
    weights: Tensor  # (states, columns + groups of: ambiguity, preference, forbidden mass)
    forbids: bool  # whether some outcome has a preference of -inf

    def terms(self, probs: Tensor) -> ExpectedFreeEnergyTerms:
        r"""Expected free energy of predicted states ``(*batch, states)``.

        .. math:: G = -E_q[\log \tilde p(o)] - H[q(o)] + E_{q(s)}[H[p(o|s)]]
        """
        return self.read(probs @ self.weights)

    def ahead(self, transition: Tensor) -> Tensor | None:
        """Weights that score the next step from the present state: ``(states, actions, columns)``.

        ``None`` where multiplying them out would cost more than it saves.
        """
        actions, states, _ = transition.shape
        if float(actions) * states * states * self.weights.shape[-1] > FUSED_PRODUCTS:
            return None
        return torch.einsum("ust,tc->suc", transition, self.weights)

    def read(self, found: Tensor) -> ExpectedFreeEnergyTerms:
        """Terms from predicted columns ``(*batch, columns)``: a product with the weights."""
        columns, groups = self.model.groups.shape
        entropy = -ops.xlogx(found[..., :columns]) @ self.model.groups
        ambiguity, preference, *forbidden = found[..., columns:].split(groups, -1)
        if self.forbids:
            preference = torch.where(forbidden[0] > 0, -math.inf, preference)
        values = torch.stack([preference, entropy, ambiguity, torch.zeros_like(entropy)], -2)
        return ExpectedFreeEnergyTerms(values, self.model.sites)


def score_outcomes(
    tables: Tables, model: OutcomeModel, preferences: Sequence[Table]
) -> ScoredOutcomes:
    r"""Fold preferences into the state space: :math:`c(s) = E_{p(o|s)}[\log \tilde p(o)]`."""
    states = model.likelihood.shape[0]
    groups = len(model.sites) + 1
    worth = [model.likelihood.new_zeros(states) for _ in range(groups)]
    forbidden = [model.likelihood.new_zeros(states) for _ in range(groups)]
    for table in preferences:
        value, mass = expected_preference(tables, table)
        for group in (0, 1 + model.sites.index(table.variable.name)):
            worth[group] = worth[group] + value
            forbidden[group] = forbidden[group] + mass
    columns = [model.likelihood, model.ambiguity, torch.stack(worth, -1)]
    forbids = any(bool((mass > 0).any()) for mass in forbidden)
    if forbids:
        columns.append(torch.stack(forbidden, -1))
    return ScoredOutcomes(model, torch.cat(columns, -1), forbids)


def expected_preference(tables: Tables, table: Table) -> tuple[Tensor, Tensor]:
    """Expected log-preference of a site in each state, and the mass of outcomes at -inf."""
    names = [v.name for v in table.variables if v.role is Role.OUTCOME]
    probs = log_likelihood(tables, names).exp().flatten(1)
    log_preference = table.log_probs.to(probs).flatten()
    allowed = log_preference > -math.inf
    finite = torch.where(allowed, log_preference, 0.0)
    return probs @ finite, (probs * ~allowed).sum(-1)
