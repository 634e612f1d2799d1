"""A factorized filter as a level of a hierarchy: a product of marginals for each hypothesis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .. import ops
from .._checks import by_site, known_names
from ..compile import Site, Tables
from .context import FiniteContext, Link, clamped, per_value, weighed
from .factorized import FactorizedFilter, unresolved
from .factorized_belief import FactorizedBelief
from .factors import positions, restricted
from .joint import ancestors, log_likelihood
from .mean_field import LogJoint, Potential, minimize


@dataclass(frozen=True)
class FannedBelief:
    """A product of marginals for each value of c, and the evidence for it."""

    log_evidence: Tensor  # (*batch, values): log p(o_{0:t} | c), a lower bound of it
    belief: FactorizedBelief  # (*batch, values)


@dataclass(frozen=True)
class Scope:
    """The factors that a potential depends on, and where its numbers lie in a likelihood."""

    name: str
    factors: tuple[int, ...]
    sizes: tuple[int, ...]
    span: slice

    def potential(self, log_likelihood: Tensor) -> Potential:
        """Its part of a likelihood ``(*batch, numbers)``."""
        part = log_likelihood[..., self.span]
        return Potential(self.factors, part.reshape(*part.shape[:-1], *self.sizes))


class Scopes:
    """Potentials side by side: one for each observation site, and one for what is linked below.

    Args:
        filter: of the level.
        shown: observation sites that stand for the level below.
    """

    def __init__(self, filter: FactorizedFilter, shown: Sequence[str]) -> None:
        tables = filter.tables
        parts = [(part.name, part.factors, part.sizes) for part in filter.evidence]
        self.part = restricted(tables, ancestors(tables.observe, shown))
        sizes = tuple(site.size for site in self.part.states)
        parts.append(("", positions(tables, self.part), sizes))
        self.each: list[Scope] = []
        begin = 0
        for name, factors, sizes in parts:
            end = begin + math.prod(sizes)
            self.each.append(Scope(name, factors, sizes, slice(begin, end)))
            begin = end
        self.size = begin

    def placed(self, scope: Scope, values: Tensor) -> Tensor:
        """A likelihood ``(*batch, numbers)`` of one potential ``(*batch, *sizes)`` alone."""
        batch = values.shape[: values.dim() - len(scope.sizes)]
        found = values.new_zeros(*batch, self.size)
        return torch.cat(
            [
                found[..., : scope.span.start],
                values.reshape(*batch, -1),
                found[..., scope.span.stop :],
            ],
            -1,
        )


class _Scoped:
    """Scopes that follow the parameters of the programs."""

    def __init__(self, filter: FactorizedFilter, shown: Sequence[str]) -> None:
        known_names("sites", shown, filter.observation_sites)
        self.filter, self.shown = filter, tuple(shown)
        self._made: tuple[Tables, Scopes] | None = None

    def __call__(self) -> Scopes:
        tables = self.filter.tables
        if self._made is None or self._made[0] is not tables:
            self._made = (tables, Scopes(self.filter, self.shown))
        return self._made[1]


class FactorizedContext(FiniteContext[FannedBelief, FactorizedBelief]):
    r"""The first state of a factorized filter, as sites that another model predicts.

    A message is a product of marginals for each joint value of c, with a bound of its evidence:

    .. math:: M_t[c, s_t] \approx e^{-F_t(c)} \prod_f q_f(s_{t,f} | c), \qquad
        q(s_t) = \prod_f \sum_c q(c) \, q_f(s_{t,f} | c)

    What is lost are correlations of sites given c, and in the belief itself those through c.
    Where every site moves and is seen by itself, the evidence is exact, and so are the
    marginals.

    Args:
        filter: of the level.
        sites: state sites that the level above sets; what ``initial`` says of them is replaced.
        shown: observation sites that stand for the level below.
    """

    def __init__(
        self, filter: FactorizedFilter, sites: Sequence[str], shown: Sequence[str] = ()
    ) -> None:
        known_names("sites", sites, [site.name for site in filter.tables.states])
        self.filter, self.names = filter, tuple(sites)
        self.scopes = _Scoped(filter, shown)

    @property
    def sites(self) -> tuple[Site, ...]:
        """The sites, in the order of their names."""
        each = {site.name: site for site in self.filter.tables.states}
        return tuple(each[name] for name in self.names)

    def start(self, batch_shape: tuple[int, ...] = ()) -> FannedBelief:
        """The marginals of p(s_0 | c) for each c."""
        states, found = self.filter.tables.states, dict[int, Tensor]()
        index = dict(zip(self.names, clamped(self.sites), strict=True))
        zero = torch.zeros((), dtype=torch.long, device=self.filter.device)
        for motion in self.filter.first:
            name = states[motion.factor].name
            if name in index:
                rows = torch.eye(states[motion.factor].size, dtype=self.filter.dtype)
                found[motion.factor] = ops.log(rows[index[name]].to(self.filter.device))
            else:
                parents = [found[f] for f in motion.beside] or [motion.log_probs.new_zeros(1)]
                found[motion.factor] = motion.move(parents, zero, True).expand(self.size, -1)
        row = torch.cat([found[f] for f in range(len(states))], -1)
        belief = FactorizedBelief(0, states, row.expand(*batch_shape, *row.shape))
        return FannedBelief(row.new_zeros(*batch_shape, self.size), belief)

    def move(self, message: FannedBelief, action: Any = None) -> FannedBelief:
        """The message after an action ``(*batch)``."""
        each = per_value(action, len(self.filter.tables.controls))
        found = self.filter.predict(message.belief, each)
        return FannedBelief(message.log_evidence, replace(found, gained=None))

    def look(
        self, message: FannedBelief, observation: Mapping[str, Any]
    ) -> tuple[FannedBelief, Tensor, dict[str, Tensor]]:
        """The message as it was, and potentials of the sites that were seen."""
        by_site("observation", observation, self.filter.observation_sites)
        scopes, each = self.scopes(), dict[str, Tensor]()
        for part, scope in zip(self.filter.evidence, scopes.each, strict=False):
            seen = part(observation)
            if seen is not None:
                each[part.name] = scopes.placed(scope, seen.log_values)
        return message, sum(each.values(), self.nothing(())), each

    def nothing(self, batch_shape: tuple[int, ...]) -> Tensor:
        """Zero for all potentials, ``(*batch, numbers)``."""
        dtype, device = self.filter.dtype, self.filter.device
        return torch.zeros(*batch_shape, self.scopes().size, dtype=dtype, device=device)

    def see(self, message: FannedBelief, log_likelihood: Tensor) -> FannedBelief:
        """Marginals of least free energy for each c, and -F in its evidence."""
        values = log_likelihood.unsqueeze(-2)
        seen = [
            scope.potential(values)
            for scope in self.scopes().each
            if bool((values[..., scope.span] != 0).any())
        ]
        batch = torch.broadcast_shapes(message.log_evidence.shape, values.shape[:-1])
        prior = message.belief.log_probs.expand(*batch, -1)
        flat = FactorizedBelief(message.belief.step, message.belief.sites, prior).reshape(-1)
        log_probs, energy = _settled(self.filter, flat, [p.rows(batch) for p in seen])
        belief = replace(message.belief, log_probs=log_probs.reshape(prior.shape), updated=None)
        return FannedBelief(message.log_evidence - energy.reshape(batch), belief)

    def choose(self, chosen: Tensor, new: FannedBelief, old: FannedBelief) -> FannedBelief:
        """One message where something holds ``(*batch)``, the other elsewhere."""
        log_probs = torch.where(chosen[..., None, None], new.belief.log_probs, old.belief.log_probs)
        evidence = torch.where(chosen[..., None], new.log_evidence, old.log_evidence)
        return FannedBelief(evidence, replace(old.belief, log_probs=log_probs))

    def forget(self, message: FannedBelief) -> FannedBelief:
        """The marginals are kept."""
        return replace(message, log_evidence=torch.zeros_like(message.log_evidence))

    def evidence(self, message: FannedBelief) -> Tensor:
        """A lower bound of log p(o_{0:t} | c), ``(*batch, values)``, in nats."""
        return message.log_evidence

    def belief(self, message: FannedBelief, log_prior: Tensor, step: int) -> FactorizedBelief:
        """The marginals of the mixture over c.

        Raises:
            ValueError: where all that was seen is impossible under the prior.
        """
        weights = weighed(message.log_evidence, log_prior, step)
        log_probs = ops.logsumexp(message.belief.log_probs + weights.unsqueeze(-1), -2)
        return FactorizedBelief(step, message.belief.sites, log_probs)

    def expected(self, belief: FactorizedBelief, log_likelihood: Tensor) -> Tensor:
        """The sum of the potentials' expectations, ``(*batch)``."""
        found = torch.zeros((), dtype=belief.log_probs.dtype, device=belief.log_probs.device)
        for scope in self.scopes().each:
            joint = belief.log_product(scope.factors)
            found = found + ops.exp_dot(joint, log_likelihood[..., scope.span])
        return found


def _settled(
    filter: FactorizedFilter, prior: FactorizedBelief, seen: Sequence[Potential]
) -> tuple[Tensor, Tensor]:
    """Marginals ``(rows, values)`` and F ``(rows)``; infinite where what was seen cannot be."""
    joint = LogJoint.of(prior.factors, seen)
    never = joint.impossible
    if bool(never.any()):
        where = [never.reshape(-1, *[1] * len(p.factors)) for p in seen]
        seen = [
            Potential(p.factors, torch.where(rows, 0.0, p.log_values))
            for p, rows in zip(seen, where, strict=True)
        ]
        joint = LogJoint.of(prior.factors, seen)
    found = minimize(joint, filter.max_sweeps, filter.tolerance)
    energy = found.trace[:, -1]
    if not bool(energy.isfinite().all()):
        raise unresolved(prior, {}, filter.max_sweeps)
    return torch.cat(found.log_probs, -1), torch.where(never, math.inf, energy)


class FactorizedLink(Link):
    r"""Observation sites of a factorized filter that another model's first state is made of.

    Down goes what the product of marginals predicts, up a potential over the factors that the
    sites depend on:

    .. math:: p(c) = \sum_{pa} \prod_{f \in pa} q_f \, p(c|pa), \qquad
        \log \psi(pa) = \log \sum_c p(c|pa) \, p(o|c)

    Args:
        filter: of the level that sets.
        sites: observation sites of its model.
    """

    def __init__(self, filter: FactorizedFilter, sites: Sequence[str]) -> None:
        self.names = tuple(sites)
        self.scopes = _Scoped(filter, sites)

    def _table(self) -> tuple[Scopes, Tensor]:
        scopes = self.scopes()
        return scopes, log_likelihood(scopes.part, self.names).flatten(1)

    def down(self, belief: FactorizedBelief) -> Tensor:
        """log p(c) as predicted by a belief, ``(*batch, values)``."""
        scopes, table = self._table()
        joint = belief.log_product(scopes.each[-1].factors)
        return ops.logsumexp(joint.unsqueeze(-1) + table, -2)

    def up(self, log_evidence: Tensor, message: Any = None) -> Tensor:
        """The potential, placed among those of the level, ``(*batch, numbers)``."""
        scopes, table = self._table()
        values = ops.logsumexp(table + log_evidence.to(table).unsqueeze(-2), -1)
        scope = scopes.each[-1]
        return scopes.placed(scope, values.reshape(*values.shape[:-1], *scope.sizes))
