"""Scoring trees of actions of an affine program: one covariance for all actions of a depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from ..compile import Affine, Layout, Linearized, RealPreferences
from ..records import DeferredTerms
from .gaussian_belief import GaussianBelief
from .gaussian_outcomes import Outlook, terms
from .gaussian_update import compact, contracted, predicted_cov, solved
from .sweep import Prefixes


@dataclass(frozen=True)
class Worth:
    """What G is made of at one depth: a part that all actions share, and a misfit of the mean."""

    shared: Tensor  # (*batch, 4, 1 + sites): terms where the mean is just as preferred
    groups: Tensor  # (1 + sites, preferred coordinates): 1 where one counts for a group
    slope: Tensor  # (preferred coordinates, n): whitened misfit, a map of the state
    offset: Tensor  # (preferred coordinates)

    @classmethod
    def of(
        cls,
        cov: Tensor,
        show: Affine,
        preferences: RealPreferences,
        outcomes: Layout,
        states: Layout,
    ) -> Worth:
        """At a depth with this predicted covariance ``(*batch, n, n)``."""
        zero = cov.new_zeros(*cov.shape[:-2], cov.shape[-1])
        look = Linearized(show(zero, None).value, show.slope, show.noise)
        outlook = Outlook.of(zero, cov, look, outcomes, states)
        slope, offset = _misfit(outlook, show, preferences)
        groups = torch.zeros(1 + len(outcomes.names), len(offset)).to(cov)
        groups[0] = 1.0
        for name, span in preferences.layout.spans.items():
            if name in outcomes.events:
                groups[1 + outcomes.names.index(name), span] = 1.0
        values = terms(outlook, preferences)
        at_zero = -0.5 * (groups @ offset.square())
        values = torch.cat([(values[..., :1, :] - at_zero), values[..., 1:, :]], -2)
        return cls(values, groups, slope, offset)

    def misfit(self, nodes: Nodes) -> Tensor:
        """Squared, whitened misfits of the means of nodes, ``(*batch, coordinates, nodes)``."""
        return nodes.mapped(self.slope, self.offset).square()

    def total(self, misfit: Tensor) -> Tensor:
        """G of each node, ``(*batch, nodes)``."""
        pragmatic, entropy, ambiguity, _ = self.shared[..., 0].unbind(-1)
        rest = (ambiguity - entropy - pragmatic).unsqueeze(-1)
        return torch.add(rest, misfit.sum(-2), alpha=0.5)


@dataclass(frozen=True)
class Nodes:
    """Means at one depth: what becomes of the nodes above, shifted by an action.

    Coordinates are rows, so that what is done for all nodes runs along the memory.
    """

    ahead: Tensor  # (*batch, n, nodes above)
    shift: Tensor  # (n, actions)
    parents: Tensor  # (nodes,)
    actions: Tensor | None  # (nodes,); None where every node above branches into every action

    def mapped(self, slope: Tensor, offset: Tensor) -> Tensor:
        """An affine map of all means, ``(*batch, coordinates, nodes)``."""
        above, shift = slope @ self.ahead, slope @ self.shift + offset.unsqueeze(-1)
        if self.actions is None:
            return (above.unsqueeze(-1) + shift.unsqueeze(-2)).flatten(-2)
        return above[..., self.parents] + shift[:, self.actions]

    @property
    def means(self) -> Tensor:
        """The means themselves, ``(*batch, n, nodes)``."""
        n = self.shift.shape[0]
        return self.mapped(torch.eye(n).to(self.shift), self.shift.new_zeros(n))


def _misfit(outlook: Outlook, show: Affine, preferences: RealPreferences) -> tuple[Tensor, Tensor]:
    """Whitened misfit of the preferred coordinates as an affine map of the state."""
    n = show.slope.shape[-1]
    slope = torch.cat([show.slope, torch.eye(n).to(show.slope)])
    offset = torch.cat([show.offset, show.offset.new_zeros(n)])
    rows = [outlook.where(name) for name in preferences.layout.names]
    if not rows:
        return slope[:0], offset[:0]
    chosen = torch.cat([slope[row] for row in rows])
    there = torch.cat([offset[row] for row in rows]) - preferences.mean
    factor = preferences.factor
    return torch.linalg.solve_triangular(factor, chosen, upper=False), solved(factor, there)


def sweep(
    belief: GaussianBelief,
    prefixes: Prefixes,
    controls: Sequence[int],
    move: Affine,
    show: Affine,
    preferences: Sequence[RealPreferences],
    outcomes: Layout,
    anticipate: bool,
) -> DeferredTerms:
    """Terms of every prefix of a tree, ``(*batch, prefixes)``; G at once, the rest on demand.

    Args:
        controls: number of choices of each control.
        move, show: the programs; actions differ in their offsets only.
        preferences: for each depth; Gaussian ones.
        anticipate: whether the covariance contracts by each outcome before the next action.
    """
    cov, here = compact(belief.cov, 2), show(belief.mean, None)
    if anticipate and belief.evidence is None:
        cov = contracted(cov, here)
    covs: list[Tensor] = []
    for _ in preferences:
        cov = contracted(cov, here) if anticipate and covs else cov
        cov = predicted_cov(cov, Linearized(belief.mean, move.slope, move.noise))
        covs.append(cov)
    means = belief.mean.unsqueeze(-1)
    found: list[tuple[Worth, Tensor]] = []
    worths = _worths(covs, show, preferences, outcomes, belief.layout)
    for worth, above in zip(worths, _levels(prefixes, controls), strict=True):
        nodes = above(means, move)
        found.append((worth, worth.misfit(nodes)))
        means = nodes.means if len(found) < len(covs) else means
    totals = [worth.total(misfit) for worth, misfit in found]
    return DeferredTerms(torch.cat(totals, -1), outcomes.names, partial(_values, found))


def _worths(
    covs: list[Tensor],
    show: Affine,
    preferences: Sequence[RealPreferences],
    outcomes: Layout,
    states: Layout,
) -> list[Worth]:
    """For each depth; all at once where preferences do not change."""
    if all(each is preferences[0] for each in preferences):
        whole = Worth.of(torch.stack(covs), show, preferences[0], outcomes, states)
        return [replace(whole, shared=shared) for shared in whole.shared]
    pairs = zip(covs, preferences, strict=True)
    return [Worth.of(cov, show, each, outcomes, states) for cov, each in pairs]


def _levels(
    prefixes: Prefixes, controls: Sequence[int]
) -> Iterator[Callable[[Tensor, Affine], Nodes]]:
    """For each depth, from the means above to its nodes."""
    levels = zip(prefixes.parents, prefixes.actions, prefixes.complete, strict=True)
    for parents, actions, complete in levels:
        index = None if complete else _index(actions, controls)
        yield partial(_nodes, parents=parents, actions=index)


def _nodes(means: Tensor, move: Affine, parents: Tensor, actions: Tensor | None) -> Nodes:
    shift = move.offset if move.offset.dim() > 1 else move.offset.unsqueeze(0)
    return Nodes(move.slope @ means, shift.mT, parents, actions)


def _index(actions: Tensor, controls: Sequence[int]) -> Tensor:
    """Positions in the flattened space of actions ``(nodes[, controls])``."""
    index = torch.zeros_like(actions[..., 0] if actions.dim() > 1 else actions)
    for f, size in enumerate(controls):
        index = index * size + (actions[..., f] if actions.dim() > 1 else actions)
    return index


def _values(found: Sequence[tuple[Worth, Tensor]]) -> Tensor:
    """All terms, ``(*batch, prefixes, 4, 1 + sites)``."""
    depths = []
    for worth, misfit in found:
        shared = worth.shared.unsqueeze(-3)
        pragmatic = shared[..., 0, :] - 0.5 * (worth.groups @ misfit).mT
        rest = shared[..., 1:, :].expand(*pragmatic.shape[:-1], *shared[..., 1:, :].shape[-2:])
        depths.append(torch.cat([pragmatic.unsqueeze(-2), rest], -2))
    return torch.cat(depths, -3)
