"""A compiled program factor by factor: how each one moves, what it shows, what that is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from .. import ops
from ..compile import Role, Table, Tables
from ..records import ExpectedFreeEnergyTerms
from .factor_novelty import Gain, outcome_corrections
from .factorized_belief import FactorizedBelief
from .joint import linked_sites, table_dtype
from .likelihood import SiteLikelihoods
from .mean_field import Potential
from .novelty_rules import MutualInformation, TableNovelty
from .novelty_tables import outcome_novelty, with_novelty
from .outcomes import ScoredOutcomes, outcome_model, score_outcomes
from .products import log_product, picked, product


@dataclass(frozen=True)
class FactorMotion:
    """p(s'_f | parents, u) of one factor, averaged over parents that are independent."""

    factor: int
    before: tuple[int, ...]  # parents at the step before
    beside: tuple[int, ...]  # parents at the same step, earlier in the program
    controls: tuple[int, ...]
    control_sizes: tuple[int, ...]
    log_probs: Tensor  # (joint of the parents, joint of the controls, size)

    @cached_property
    def probs(self) -> Tensor:
        """The table as probabilities."""
        return self.log_probs.exp()

    @cached_property
    def smallest(self) -> float:
        """The smallest finite log-probability."""
        return float(ops.smallest_log(self.log_probs.detach()))

    @property
    def numbers(self) -> int:
        """Numbers that moving one belief takes: the parents' joint, and every choice."""
        return len(self.log_probs) + self.log_probs[0].numel()

    def choice(self, action: Sequence[Tensor]) -> Tensor:
        """Position of this factor's controls among their joint values, ``(*batch)``."""
        index = torch.zeros((), dtype=torch.long, device=self.log_probs.device)
        for control, size in zip(self.controls, self.control_sizes, strict=True):
            index = index * size + action[control]
        return index

    def move(self, parents: Sequence[Tensor], choice: Tensor, underflows: bool) -> Tensor:
        """Log-probabilities ``(*batch, size)`` from those of each parent."""
        table = self.log_probs if underflows else self.probs
        if choice.numel() == 1:
            return _through(parents, table[:, choice.reshape(())], underflows)
        every = _through(parents, table.flatten(1), underflows)
        return picked(every.unflatten(-1, table.shape[1:]), choice)


def _through(parents: Sequence[Tensor], table: Tensor, in_logs: bool) -> Tensor:
    """Average the rows of a table ``(joint of the parents, columns)``; all in logs."""
    if in_logs:
        return ops.log_vecmat(log_product(parents), table)
    return ops.log(product([q.exp() for q in parents]) @ table)


def propagate(
    motions: Sequence[FactorMotion], before: Sequence[Tensor], action: Sequence[Tensor]
) -> list[Tensor]:
    r"""Move every factor by its own table, in the order of the program.

    .. math:: q(s_f') = \sum_{pa} p(s_f'|pa, u) \prod_{h \in pa} q_h(s_h)

    Args:
        motions: one for each factor.
        before: log-probabilities of each factor at the step before, ``(*batch, size)``.
        action: positions of each control, ``(*batch)``.
    """
    least = min((float(ops.smallest_log(q.detach())) for q in before), default=0.0)
    found: dict[int, Tensor] = {}
    bounds: dict[int, float] = {}
    for motion in motions:
        parents = [before[f] for f in motion.before] + [found[f] for f in motion.beside]
        parents = parents or [motion.log_probs.new_zeros(1)]
        bound = least * len(motion.before) + sum(bounds[f] for f in motion.beside) + motion.smallest
        underflows = bound < math.log(torch.finfo(motion.log_probs.dtype).tiny)
        bounds[motion.factor] = bound
        found[motion.factor] = motion.move(parents, motion.choice(action), underflows)
    return [found[f] for f in range(len(motions))]


def moving_novelty(
    gains: Sequence[Gain],
    before: Sequence[Tensor],
    after: Sequence[Tensor],
    action: Sequence[Tensor],
) -> Tensor | None:
    r"""Information about the transition, summed over factors, ``(*batch)``, in nats.

    .. math:: \sum_f E_{\prod_h q_h}[I(\theta_{row(pa, u)}; s_f')]

    Args:
        gains: of the factors that are drawn from tables with counts.
        before, after: log-probabilities of each factor at both steps, ``(*batch, size)``.
        action: positions of each control, ``(*batch)``.

    Returns:
        ``None`` where no transition has counts.
    """
    each = [gain.expected(before, after, action) for gain in gains]
    return sum(each[1:], each[0]) if each else None


def factor_motions(tables: Tables, program: Sequence[Table]) -> tuple[FactorMotion, ...]:
    """The tables of ``initial`` or ``transition``, in the order of the program.

    In ``initial`` the parents are of the same step; in ``transition`` those called next are.
    """
    same_step = Role.STATE if program is tables.initial else Role.NEXT
    return tuple(_motion(tables, table, same_step) for table in program)


def _motion(tables: Tables, table: Table, same_step: Role) -> FactorMotion:
    names = [site.name for site in tables.states]
    beside = [v for v in table.parents if v.role is same_step]
    before = [v for v in table.parents if v.role is Role.STATE and v not in beside]
    controls = [v for v in table.parents if v.role is Role.CONTROL]
    log_probs = table.aligned((*before, *beside, *controls, table.variable))
    states, choices = len(before) + len(beside), len(controls)
    flat = log_probs.reshape(math.prod(log_probs.shape[:states]), -1, log_probs.shape[-1])
    return FactorMotion(
        factor=names.index(table.variable.name),
        before=tuple(names.index(v.name) for v in before),
        beside=tuple(names.index(v.name) for v in beside),
        controls=tuple(int(v.name.removeprefix("action_")) for v in controls),
        control_sizes=tuple(log_probs.shape[states : states + choices]),
        log_probs=flat.to(table_dtype(tables)),
    )


@dataclass(frozen=True)
class FactorEvidence:
    """p(o | s) of an observation site, or of several that depend on each other."""

    name: str
    sites: tuple[str, ...]
    factors: tuple[int, ...]
    sizes: tuple[int, ...]
    likelihoods: SiteLikelihoods

    def __call__(self, observation: Mapping[str, Any]) -> Potential | None:
        """log p(o | s), ``(*batch, *sizes)``; ``None`` where no site was observed."""
        seen = {name: observation[name] for name in self.sites if name in observation}
        if not seen:
            return None
        found = self.likelihoods(seen)[self.name]
        return Potential(self.factors, found.reshape(*found.shape[:-1], *self.sizes))


def factor_evidence(tables: Tables) -> tuple[FactorEvidence, ...]:
    """The observation sites, those that depend on each other together."""
    found = []
    for names in linked_sites(tables):
        part = restricted(tables, names)
        found.append(
            FactorEvidence(
                name="+".join(names),
                sites=names,
                factors=positions(tables, part),
                sizes=tuple(site.size for site in part.states),
                likelihoods=SiteLikelihoods(part, [names]),
            )
        )
    return tuple(found)


def restricted(tables: Tables, names: Sequence[str]) -> Tables:
    """The tables with only some observation sites, and the state sites that these depend on."""
    observe = tuple(table for table in tables.observe if table.variable.name in names)
    needed = {v.name for table in observe for v in table.parents}
    return replace(
        tables,
        states=tuple(site for site in tables.states if site.name in needed),
        outcomes=tuple(site for site in tables.outcomes if site.name in names),
        observe=observe,
    )


def positions(tables: Tables, part: Tables) -> tuple[int, ...]:
    """Which of the state sites those of restricted tables are."""
    kept = {site.name for site in part.states}
    return tuple(f for f, site in enumerate(tables.states) if site.name in kept)


@dataclass(frozen=True)
class FactorOutcomes:
    """What predicted marginals are worth, site by site, at the preferences of one time step."""

    sites: tuple[str, ...]
    parts: tuple[tuple[tuple[int, ...], ScoredOutcomes], ...]  # with the factors they depend on
    corrections: tuple[Gain, ...] = ()  # of novelty that several parts count

    @cached_property
    def order(self) -> list[int]:
        """Where each site's own terms are found among those of all the parts."""
        names = [name for _, scored in self.parts for name in scored.model.sites]
        return [names.index(name) for name in self.sites]

    @property
    def numbers(self) -> int:
        """Numbers that the largest part takes for one belief."""
        return max(scored.numbers for _, scored in self.parts)

    def terms(self, belief: FactorizedBelief) -> ExpectedFreeEnergyTerms:
        """Terms of each site, and their sums."""
        found = [scored.terms(belief.product(factors)).values for factors, scored in self.parts]
        apart = torch.cat([values[..., 1:] for values in found], -1)[..., self.order]
        total = sum((values[..., :1] for values in found[1:]), found[0][..., :1])
        terms = ExpectedFreeEnergyTerms(torch.cat([total, apart], -1), self.sites)
        twice = moving_novelty(self.corrections, belief.factors, (), ())
        return terms if twice is None else with_novelty(terms, twice)


def factor_outcomes(
    tables: Tables, preferences: Sequence[Table], rule: TableNovelty | None = None
) -> FactorOutcomes:
    """Score the observation sites apart, but for those linked by tables or by preferences."""
    parts, rule = [], rule or MutualInformation()
    groups = linked_sites(replace(tables, observe=(*tables.observe, *preferences)))
    for names in groups:
        part = restricted(tables, names)
        wanted = [table for table in preferences if table.variable.name in names]
        model = outcome_model(part, joint=False)
        new = outcome_novelty(part, rule)
        scored = score_outcomes(part, model, wanted, new)
        parts.append((positions(tables, part), scored))
    twice = outcome_corrections(tables, groups, rule)
    return FactorOutcomes(tuple(site.name for site in tables.outcomes), tuple(parts), twice)
