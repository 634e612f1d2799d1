"""What a belief predicts to be seen, and what that is worth: two linear maps of the states."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from .. import ops
from ..compile import Role, Table, Tables
from ..records import ExpectedFreeEnergyTerms
from .channel import Channel
from .joint import log_likelihood
from .linear import LinearMap, linear_map

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

    @cached_property
    def rows(self) -> Tensor:
        """The groups as rows, ``(1 + sites, columns)``."""
        return self.groups.T.contiguous()

    def minus_entropies(self, outcomes: Tensor) -> Tensor:
        """-H[q(o)] of each group ``(1 + sites, n)`` from probabilities ``(columns, n)``."""
        information = ops.xlogx(outcomes)
        return information.sum(0) if len(self.sites) == 1 else self.rows @ information


def outcome_model(tables: Tables, joint: bool, channel: Channel | None = None) -> OutcomeModel:
    """Lay the likelihoods of all observation sites side by side.

    With a ``channel``, its reports take the place of its first site, and the others tell nothing.
    """
    names = tuple(site.name for site in tables.outcomes)
    blocks = [_block(tables, name, channel) for name in names]
    groups = [_indicator(block.shape[-1], i + 1, len(names)) for i, block in enumerate(blocks)]
    if not joint or len(names) == 1:
        for group in groups:
            group[:, 0] = 1.0
    else:
        both = joint_likelihood(tables, channel)
        blocks, groups = [both, *blocks], [_indicator(both.shape[-1], 0, len(names)), *groups]
    likelihood = torch.cat(blocks, -1)
    indicator = torch.cat(groups).to(likelihood)
    return OutcomeModel(names, likelihood, indicator, -(ops.xlogx(likelihood) @ indicator))


def _block(tables: Tables, name: str, channel: Channel | None) -> Tensor:
    """p(o | s) of an observation site, ``(states, outcomes)``."""
    if channel is None or name not in channel.sites:
        return log_likelihood(tables, [name]).exp()
    found = channel.reports(tables)
    return found if name == channel.sites[0] else torch.ones_like(found[:, :1])


def joint_likelihood(tables: Tables, channel: Channel | None = None) -> Tensor:
    """p(o | s) of the joint outcomes that some state can show, ``(states, outcomes)``."""
    names = [site.name for site in tables.outcomes]
    if channel is None:
        found = log_likelihood(tables, names).exp().flatten(1)
    else:
        found = channel.joint(tables)
    return found[:, (found.detach() > 0).any(0)]


def _indicator(columns: int, group: int, sites: int) -> Tensor:
    found = torch.zeros(columns, 1 + sites)
    found[:, group] = 1.0
    return found


@dataclass(frozen=True)
class ScoredOutcomes:
    """An outcome model joined with the preferences of one time step."""

    model: OutcomeModel
    worth: Tensor  # (states, 4 terms * groups): preference, 0, ambiguity, novelty
    forbidden: Tensor | None  # (states, groups): mass of outcomes with a preference of -inf

    @property
    def numbers(self) -> int:
        """Numbers that scoring one belief takes: its states, and what they map to."""
        return self.worth.shape[0] + self.model.likelihood.shape[1] + self.worth.shape[1]

    @property
    def brief(self) -> Tensor:
        """What G is made of, ``(states, outcomes + 1)``: p(o|s), and a part linear in the state."""
        groups = len(self.model.sites) + 1
        counted = self.model.groups[:, 0] > 0
        linear = self.worth[:, 2 * groups] - self.worth[:, 0] - self.worth[:, 3 * groups]
        return torch.cat([self.model.likelihood[:, counted], linear.unsqueeze(-1)], -1)

    @cached_property
    def now(self) -> Look:
        """How a belief about the present state is scored."""
        return Look.of(self, None, None)

    def terms(self, probs: Tensor) -> ExpectedFreeEnergyTerms:
        r"""Expected free energy of predicted states ``(*batch, states)``.

        .. math:: G = -E_q[\log \tilde p(o)] - H[q(o)] + E_{q(s)}[H[p(o|s)]]
        """
        return ExpectedFreeEnergyTerms(self.now.from_beliefs(probs).squeeze(-3), self.model.sites)

    def ahead(self, transition: Tensor, gained: Tensor | None) -> Look | None:
        """How the next step is scored from the present state, under every action.

        ``gained`` is the novelty of moving, ``(actions, states)``, where transitions are learned.
        ``None`` where multiplying the maps out would cost more than it saves.
        """
        actions, states, _ = transition.shape
        columns = self.model.likelihood.shape[-1] + self.worth.shape[-1]
        if float(actions) * states * states * columns > FUSED_PRODUCTS:
            return None
        return Look.of(self, transition.transpose(0, 1), None if gained is None else gained.T)


def mapped(
    matrix: Tensor, moves: Tensor | None, column: int = 0, extra: Tensor | None = None
) -> LinearMap:
    """The map ``(states, columns)`` of the states after each of ``moves``: to columns * futures.

    ``extra``, ``(states, futures)``, is what moving itself adds to a column.
    """
    if moves is not None:
        matrix = torch.einsum("sft,tc->scf", moves, matrix)
        if extra is not None:
            at = torch.zeros(matrix.shape[1]).to(matrix)
            at[column] = 1.0
            matrix = matrix + extra.unsqueeze(1) * at.unsqueeze(-1)
        matrix = matrix.flatten(1)
    return linear_map(matrix)


@dataclass(frozen=True)
class Look:
    """Scores the outcomes of several futures of a belief, by one linear map of its states."""

    model: OutcomeModel
    forbids: bool
    rows: LinearMap  # to height * futures
    height: int  # columns + 4 terms * groups [+ groups]
    futures: int

    @classmethod
    def of(cls, scored: ScoredOutcomes, moves: Tensor | None, gained: Tensor | None) -> Look:
        """Score after ``moves``, p(s' | s) of each future ``(states, futures, next states)``.

        ``gained`` is the novelty of the last move of each future, ``(states, futures)``.
        """
        parts = [scored.model.likelihood, scored.worth]
        if scored.forbidden is not None:
            parts.append(scored.forbidden)
        matrix = torch.cat(parts, -1)
        height = matrix.shape[-1]
        futures = 1 if moves is None else moves.shape[1]
        forbids = scored.forbidden is not None
        count, groups = scored.model.groups.shape
        rows = mapped(matrix, moves, count + 3 * groups, gained)
        return cls(scored.model, forbids, rows, height, futures)

    def from_beliefs(self, probs: Tensor) -> Tensor:
        """Terms ``(*batch, futures, 4, 1 + sites)`` of beliefs ``(*batch, states)``."""
        if probs.dim() == 1:
            return self(probs).permute(3, 2, 0, 1)[0]
        values = self(probs.reshape(-1, probs.shape[-1]).T).permute(3, 2, 0, 1)
        return values.reshape(*probs.shape[:-1], *values.shape[1:])

    def __call__(self, columns: Tensor) -> Tensor:
        """Terms ``(4, 1 + sites, futures, n)`` of beliefs ``(states, n)``, or of a single one."""
        count, groups = self.model.groups.shape
        found = self.rows(columns).reshape(self.height, -1)
        minus_entropies = self.model.minus_entropies(found[:count])
        if found.requires_grad:
            found = found.clone()  # gradients need the product as it was
        found[count + groups : count + 2 * groups].sub_(minus_entropies)  # the map has zeros there
        values = found[count : count + 4 * groups]
        if self.forbids:
            preference = torch.where(found[count + 4 * groups :] > 0, -math.inf, values[:groups])
            values = torch.cat([preference, values[groups:]])
        return values.reshape(4, groups, self.futures, -1)


def score_outcomes(
    tables: Tables,
    model: OutcomeModel,
    preferences: Sequence[Table],
    novelty: Tensor | None = None,
    channel: Channel | None = None,
) -> ScoredOutcomes:
    r"""Fold preferences into the state space: :math:`c(s) = E_{p(o|s)}[\log \tilde p(o)]`.

    ``novelty`` is what outcomes tell about the likelihood, ``(states, 1 + sites)``. The worth of
    what is seen behind a ``channel`` counts at its first site.
    """
    worth = torch.zeros_like(model.ambiguity)
    forbidden = torch.zeros_like(model.ambiguity)
    each = [(table.variable.name, *expected_preference(tables, table)) for table in preferences]
    if channel is not None:
        each.append((channel.sites[0], *channel.preferred(tables)))
    for name, value, mass in each:
        counted = worth.new_zeros(worth.shape[-1])
        counted[[0, 1 + model.sites.index(name)]] = 1.0
        worth = worth + value.unsqueeze(-1) * counted
        forbidden = forbidden + mass.unsqueeze(-1) * counted
    zero = torch.zeros_like(worth)
    return ScoredOutcomes(
        model,
        torch.cat([worth, zero, model.ambiguity, zero if novelty is None else novelty], -1),
        forbidden if bool((forbidden > 0).any()) else None,
    )


def expected_preference(tables: Tables, table: Table) -> tuple[Tensor, Tensor]:
    """Expected log-preference of a site in each state, and the mass of outcomes at -inf."""
    names = [v.name for v in table.variables if v.role is Role.OUTCOME]
    probs = log_likelihood(tables, names).exp().flatten(1)
    log_preference = table.log_probs.to(probs).flatten()
    allowed = log_preference > -math.inf
    finite = torch.where(allowed, log_preference, 0.0)
    return probs @ finite, (probs * ~allowed).sum(-1)
