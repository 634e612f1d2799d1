"""Expected free energy of Gaussian beliefs in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..compile import LOG_2PI, Layout, Linearized, RealPreferences, log_det
from .gaussian_quadrature import expected_log_prob
from .gaussian_update import solved, symmetric


@dataclass(frozen=True)
class Outlook:
    """What will be seen, and the state behind it: one Gaussian over outcomes and states."""

    outcomes: Layout
    states: Layout
    mean: Tensor  # (*batch, m + n)
    cov: Tensor  # (*batch, m + n, m + n)
    noise: Tensor  # (*batch, m, m): lower triangular factor of the noise of outcomes

    @classmethod
    def of(
        cls, mean: Tensor, cov: Tensor, show: Linearized, outcomes: Layout, states: Layout
    ) -> Outlook:
        """From a predicted belief and what it shows; ``mean`` may have dims that ``cov`` lacks."""
        cross = show.slope @ cov
        spread = symmetric(cross @ show.slope.mT) + show.noise @ show.noise.mT
        batch = spread.shape[:-2]
        cross = cross.expand(*batch, *cross.shape[-2:])
        top = torch.cat([spread, cross], -1)
        below = torch.cat([cross.mT, cov.expand(*batch, *cov.shape[-2:])], -1)
        together = torch.cat([show.value, mean.expand(*show.value.shape[:-1], -1)], -1)
        return cls(outcomes, states, together, torch.cat([top, below], -2), show.noise)

    def where(self, name: str) -> slice:
        """Coordinates of an observation site or a state site."""
        if name in self.outcomes.events:
            return self.outcomes.spans[name]
        span, shift = self.states.spans[name], self.outcomes.size
        return slice(span.start + shift, span.stop + shift)

    def event(self, name: str) -> torch.Size:
        """Event shape of an observation site or a state site."""
        return {**self.outcomes.events, **self.states.events}[name]


def entropy(factor: Tensor) -> Tensor:
    """Of Gaussians by a triangular factor of their covariance ``(*batch, n, n)``, in nats."""
    return 0.5 * factor.shape[-1] * (1 + LOG_2PI) + log_det(factor)


def terms(outlook: Outlook, preferences: RealPreferences) -> Tensor:
    r"""Terms of G ``(*batch, 4, 1 + sites)``: pragmatic, outcome entropy, ambiguity, novelty.

    .. math::
        H[q(o)] = \tfrac12 \log\det 2\pi e S, \quad E[H[p(o|s)]] = \tfrac12 \log\det 2\pi e R,
        \quad I(s; o) = \tfrac12 \log\det(I + C P C^T R^{-1})
    """
    size = outlook.outcomes.size
    spread, layout = outlook.cov[..., :size, :size], outlook.outcomes
    entropies = _by_group(layout, lambda b: entropy(torch.linalg.cholesky(spread[..., b, b])))
    ambiguities = _by_group(layout, lambda b: entropy(_block(outlook.noise, b)))
    worth = pragmatic(outlook, preferences)
    zero = torch.zeros_like(outlook.mean[..., 0])
    values = [sum(worth.values(), zero), *(worth.get(name, zero) for name in layout.names)]
    rows = [values, entropies, ambiguities, [zero] * len(values)]
    return torch.stack([torch.stack([x.expand_as(zero) for x in row], -1) for row in rows], -2)


def _by_group(layout: Layout, make: Callable[[slice], Tensor]) -> list[Tensor]:
    """Of all coordinates together, then of each site."""
    whole = make(slice(0, layout.size))
    alone = len(layout.events) == 1
    return [whole, *([whole] if alone else map(make, layout.spans.values()))]


def _block(noise: Tensor, block: slice) -> Tensor:
    """A triangular factor of the noise of some coordinates, from that of all."""
    if block.start == 0:
        return noise[..., block, block]
    rows = noise[..., block, :]
    return torch.linalg.cholesky(rows @ rows.mT)


def pragmatic(outlook: Outlook, preferences: RealPreferences) -> dict[str, Tensor]:
    """Expected log-preference of each preferred site, ``(*batch)``."""
    found = _gaussian(outlook, preferences) if preferences.layout.size else {}
    for name, fn in preferences.others.items():
        where, event = outlook.where(name), outlook.event(name)
        mean, cov = outlook.mean[..., where], outlook.cov[..., where, where]
        found[name] = expected_log_prob(name, fn, mean, cov, event)
    return found


def _gaussian(outlook: Outlook, preferences: RealPreferences) -> dict[str, Tensor]:
    r"""In closed form, whitened: :math:`-\tfrac12 E|L^{-1}(z - g)|^2 - \log|L| - ..`."""
    at = torch.cat(
        [
            torch.arange(where.start, where.stop, device=outlook.mean.device)
            for where in map(outlook.where, preferences.layout.names)
        ]
    )
    factor = preferences.factor
    away = solved(factor, outlook.mean[..., at] - preferences.mean)
    inverse = torch.linalg.solve_triangular(factor, torch.eye(len(at)).to(factor), upper=False)
    cov = outlook.cov[..., at.unsqueeze(-1), at]
    doubt = ((inverse @ cov) * inverse).sum(-1)
    width = factor.diagonal().abs().log()
    each = -0.5 * (away.square() + doubt + LOG_2PI) - width
    return {name: each[..., span].sum(-1) for name, span in preferences.layout.spans.items()}
