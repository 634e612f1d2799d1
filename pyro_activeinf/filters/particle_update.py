"""Weighing particles by what was observed, and resampling them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from .. import ops
from .._checks import complain
from ..models.series import Observed
from .likelihood import impossible
from .nested import expected
from .particle_belief import Lineage, ParticleBelief, Weighing, gathered
from .resampling import Resampling


def weighed(
    belief: ParticleBelief,
    log_prior: Tensor,
    each: Mapping[str, Tensor],
    seen: Mapping[str, Observed],
    resampling: Resampling,
) -> ParticleBelief:
    """The belief after an observation.

    Args:
        log_prior: log-weights beforehand, ``(particles, *batch)``; of sum one on average.
        each: log-likelihood of each observed site, ``(particles, *batch)``.
        seen: what was observed, for errors.

    Raises:
        ValueError: for an observation of probability zero.
    """
    log_joint = sum(each.values(), log_prior)
    log_evidence = ops.logsumexp(log_joint, 0)
    _require_possible(belief, log_prior, log_evidence, each, seen)
    log_weights = log_joint - log_evidence
    weights = log_weights.exp()
    weighing = Weighing(
        log_evidence,
        {name: expected(weights, value) for name, value in each.items()},
        1 / weights.square().sum(0),
        belief.lineage.excess(weights.detach()),
    )
    updated = replace(
        belief, log_weights=log_weights, origin=None, weighing=weighing, ancestors=None
    )
    due = resampling.due(weighing.effective_sample_size.detach(), len(weights))
    return resampled(updated, due, resampling) if bool(due.any()) else updated


def resampled(belief: ParticleBelief, due: Tensor, resampling: Resampling) -> ParticleBelief:
    """The same belief with equal weights, where that is ``due`` ``(*batch)``."""
    weights, particles = belief.weights.detach(), len(belief.log_weights)
    own = torch.arange(particles, device=weights.device).reshape(-1, *[1] * len(belief.batch))
    found = resampling.ancestors(weights.movedim(0, -1).contiguous()).movedim(-1, 0)
    index = torch.where(due, found, own)
    log_weights = torch.where(due, -math.log(particles), belief.log_weights)
    return replace(
        belief,
        states={name: gathered(value, index) for name, value in belief.states.items()},
        parameters={name: gathered(value, index) for name, value in belief.parameters.items()},
        log_weights=log_weights,
        lineage=_descended(belief.lineage, index, weights, log_weights.detach().exp(), own),
        ancestors=index,
    )


def _descended(
    lineage: Lineage, index: Tensor, before: Tensor, after: Tensor, own: Tensor
) -> Lineage:
    """The lineage of resampled particles; what that adds to the spread is not the filter's."""
    roots = gathered(own if lineage.roots is None else lineage.roots, index)
    added = Lineage(roots).spread(after) - lineage.spread(before)
    return Lineage(roots, added if lineage.injected is None else lineage.injected + added)


def _require_possible(
    belief: ParticleBelief,
    log_prior: Tensor,
    log_evidence: Tensor,
    each: Mapping[str, Tensor],
    seen: Mapping[str, Observed],
) -> None:
    if bool((log_evidence == -math.inf).any()):
        evidence = {name: value.movedim(0, -1) for name, value in each.items()}
        values = {name: observed.values.tolist() for name, observed in seen.items()}
        raise impossible(log_prior.movedim(0, -1), belief.step, values, evidence)
    if bool(log_evidence.isnan().any()):
        raise ValueError(
            complain(
                "observe",
                "log-probabilities that are numbers",
                f"NaN at time step {belief.step}",
                "The belief is unchanged. Look for infinite parameters in the programs.",
            )
        )
