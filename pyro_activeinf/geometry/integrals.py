r"""Expectations over one number without samples: nodes and their weights.

An integral by quantiles, or over the density, is of the double-exponential kind (Takahasi and Mori,
1974, "Double exponential formulas for numerical integration"): a sum over equally spaced s with

.. math:: x = T\bigl(c + h \sinh(\tfrac\pi2 \sinh s)\bigr), \qquad w = p(x)\, dx

T takes real numbers to the support. Weights that do not add up to 1 are not used.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import biject_to, constraints

NODES, REACH = 161, 3.2  # of the quadrature: exp(-pi sinh(reach)) is about 1e-16
DENSE, WIDE = 161, 4.0  # of that over a density, whose tails may be heavy
TAIL = 1e-13  # of counts, that is left out
ANGLES = 256  # of a circle
MISSED, ROUGHLY = 1e-10, 1e-6  # of weights that may lack; torch's Bessel functions have 7 digits
LISTED = (64, 1024, 16384)  # counts of whole numbers that are tried
TRIES = 257  # samples that say where a density is, roughly

Rule = tuple[Tensor, Tensor]  # outcomes (n, *batch), log weights (n, *batch)


def rule_for(p: Any) -> Rule | None:
    """By quantiles, over the density, over a circle, or a sum over whole numbers; else ``None``."""
    if p.event_shape or p.support.event_dim != 0:
        return None
    if p.support.is_discrete:
        return _counted(p)
    return quantiles(p) or _over_circle(p) or _over_line(p)


def _settled(p: Any, outcomes: Tensor, log_widths: Tensor, most: float) -> Rule | None:
    """Outcomes and weights p(x) dx, if these add up to 1."""
    with torch.no_grad():
        ok = outcomes.isfinite() & p.support.check(outcomes) & log_widths.isfinite()
        middle = outcomes[len(outcomes) // 2]
        outcomes = torch.where(ok, outcomes, middle)
        log_weights = torch.where(ok, p.log_prob(outcomes) + log_widths, -math.inf)
        log_weights = torch.where(log_weights.isnan(), -math.inf, log_weights)
        missed = (log_weights.exp().sum(0) - 1).abs()
    return (outcomes, log_weights) if bool((missed <= most).all()) else None


def _over_line(p: Any) -> Rule | None:
    into = biject_to(p.support)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # for a place and a width that need not be precise
        z = into.inv(p.sample((TRIES,)).double())
    low, center, high = z.quantile(torch.tensor([0.25, 0.5, 0.75]).to(z), 0)
    s = torch.linspace(-WIDE, WIDE, DENSE, dtype=torch.float64)
    s = _spread(s, p)
    inner = math.pi / 2 * s.sinh()
    z = center + (high - low) * inner.sinh()
    change = (high - low).log() + (inner.abs() + (-2 * inner.abs()).exp().log1p() - math.log(2))
    widths = change + (math.pi / 2 * s.cosh()).log() + math.log(2 * WIDE / (DENSE - 1))
    x = into(z)
    return _settled(p, x, widths + into.log_abs_det_jacobian(z, x), MISSED)


def _over_circle(p: Any) -> Rule | None:
    """Of an angle, which has equal densities a turn apart."""
    if p.support is not constraints.real:
        return None
    turn, some = 2 * math.pi, _spread(torch.tensor([0.3, 1.0, 2.0], dtype=torch.float64), p)
    with torch.no_grad():
        apart = (p.log_prob(some) - p.log_prob(some + turn)).abs()
    if not bool((apart <= ROUGHLY).all()):
        return None
    angles = _spread(torch.arange(ANGLES, dtype=torch.float64) / ANGLES * turn - math.pi, p)
    return _settled(p, angles, torch.full_like(angles, turn / ANGLES).log(), ROUGHLY)


def _counted(p: Any) -> Rule | None:
    """All whole numbers up to one beyond which next to nothing is."""
    if p.support not in (constraints.nonnegative_integer, constraints.positive_integer):
        return None
    first = 0.0 if p.support is constraints.nonnegative_integer else 1.0
    for count in LISTED:
        values = _spread(first + torch.arange(count, dtype=torch.float64), p)
        found = _settled(p, values, torch.zeros_like(values), TAIL)
        if found is not None:
            return found
    return None


def _spread(nodes: Tensor, p: Any) -> Tensor:
    """The same nodes for all of a batch: ``(n, *batch)``."""
    return nodes.reshape(-1, *[1] * len(p.batch_shape)).expand(-1, *p.batch_shape)


def quantiles(p: Any) -> tuple[Tensor, Tensor] | None:
    """Nodes and log weights of an integral over p, by quantiles; ``None`` where there are none."""
    if p.event_shape or p.support.event_dim != 0 or p.support.is_discrete:
        return None
    s = torch.linspace(-REACH, REACH, NODES, dtype=torch.float64)
    tail = 1 / (1 + (math.pi * s.abs().sinh()).exp())  # of either side
    u = torch.where(s < 0, tail, 1 - tail)
    weights = math.pi * s.cosh() * tail * (1 - tail) * (s[1] - s[0])
    inside = (u > 0) & (u < 1)
    shape = (-1, *[1] * len(p.batch_shape))
    try:
        outcomes = p.icdf(u[inside].reshape(shape).expand(-1, *p.batch_shape))
    except NotImplementedError:
        return None
    ok = outcomes.isfinite() & p.support.check(outcomes)
    ok &= p.log_prob(torch.where(ok, outcomes, outcomes[len(outcomes) // 2])).isfinite()
    log_weights = torch.where(ok, weights[inside].reshape(shape).log(), -math.inf)
    middle = p.icdf(torch.full(p.batch_shape, 0.5, dtype=torch.float64))
    return torch.where(ok, outcomes, middle), log_weights
