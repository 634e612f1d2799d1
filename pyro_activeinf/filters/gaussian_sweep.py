"""Scoring trees of actions of an affine program: one covariance for all actions of a depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..compile import Affine, Layout, Linearized, RealPreferences, apply
from ..records import DeferredTerms
from .gaussian_belief import GaussianBelief
from .gaussian_outcomes import Outlook, terms
from .gaussian_update import contracted, predicted_cov, solved
from .sweep import Prefixes


@dataclass(frozen=True)
class Worth:
    """What G is made of at one depth: a part that all actions share, and a misfit of the mean."""

    shared: Tensor  # (*batch, 4, 1 + sites): terms where the mean is just as preferred
    groups: Tensor  # (preferred coordinates, 1 + sites): 1 where one counts for a group
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
        groups = torch.zeros(len(offset), 1 + len(outcomes.names)).to(cov)
        groups[:, 0] = 1.0
        for name, span in preferences.layout.spans.items():
            if name in outcomes.events:
                groups[span, 1 + outcomes.names.index(name)] = 1.0
        values = terms(outlook, preferences)
        at_zero = -0.5 * (offset.square() @ groups)
        values = torch.cat([(values[..., :1, :] - at_zero), values[..., 1:, :]], -2)
        return cls(values, groups, slope, offset)

    def misfit(self, means: Tensor) -> Tensor:
        """Half the squared, whitened misfits of means ``(*batch, nodes, n)``, by coordinate."""
        return 0.5 * (means @ self.slope.mT + self.offset).square()


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
    index: Sequence[Tensor],
    move: Affine,
    show: Affine,
    preferences: Sequence[RealPreferences],
    outcomes: Layout,
    anticipate: bool,
) -> DeferredTerms:
    """Terms of every prefix of a tree, ``(*batch, prefixes)``; G at once, the rest on demand.

    Args:
        index: for each depth the last action, as positions in the flattened space ``(nodes,)``.
        move, show: the programs; actions differ in their offsets only.
        preferences: for each depth; Gaussian ones.
        anticipate: whether the covariance contracts by each outcome before the next action.
    """
    means, cov = belief.mean.unsqueeze(-2), belief.cov
    if anticipate and belief.evidence is None:
        cov = contracted(cov, show(belief.mean, None))
    found: list[tuple[Worth, Tensor]] = []
    for depth, (parents, actions) in enumerate(zip(prefixes.parents, index, strict=True)):
        means = _moved(means, move, parents, actions, prefixes.complete[depth])
        cov = predicted_cov(cov, Linearized(belief.mean, move.slope, move.noise))
        worth = Worth.of(cov, show, preferences[depth], outcomes, belief.layout)
        found.append((worth, worth.misfit(means)))
        if anticipate:
            cov = contracted(cov, show(belief.mean, None))
    totals = [_total(worth, misfit) for worth, misfit in found]
    return DeferredTerms(torch.cat(totals, -1), outcomes.names, _values(found))


def _moved(means: Tensor, move: Affine, parents: Tensor, actions: Tensor, complete: bool) -> Tensor:
    """Means of the nodes of a depth, ``(*batch, nodes, n)``."""
    ahead = apply(move.slope, means)
    if complete:
        every = move.offset[actions[: len(move.offset)]] if move.offset.dim() > 1 else move.offset
        return (ahead.unsqueeze(-2) + every).flatten(-3, -2)
    offset = move.offset[actions] if move.offset.dim() > 1 else move.offset
    return ahead[..., parents, :] + offset


def _total(worth: Worth, misfit: Tensor) -> Tensor:
    pragmatic, entropy, ambiguity, _ = worth.shared[..., 0].unbind(-1)
    return misfit.sum(-1) + (ambiguity - entropy - pragmatic).unsqueeze(-1)


def _values(found: Sequence[tuple[Worth, Tensor]]) -> Callable[[], Tensor]:
    def make() -> Tensor:
        depths = []
        for worth, misfit in found:
            pragmatic = worth.shared[..., None, 0, :] - misfit @ worth.groups
            rest = worth.shared[..., None, 1:, :]
            rest = rest.expand(*pragmatic.shape[:-1], *rest.shape[-2:])
            depths.append(torch.cat([pragmatic.unsqueeze(-2), rest], -2))
        return torch.cat(depths, -3)

    return make
