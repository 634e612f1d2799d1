"""Bayes' rule for a belief over joint states."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from .. import ops
from .._checks import one_batch
from .belief import Evidence, JointBelief
from .likelihood import impossible


def conditioned(
    belief: JointBelief, observation: Mapping[str, Any], evidence: Mapping[str, Tensor]
) -> JointBelief:
    r"""A belief after an observation.

    .. math:: q(s|o) = \frac{q(s) \prod_i p(o_i|s)}{\sum_{s'} q(s') \prod_i p(o_i|s')}

    Args:
        belief: q(s), ``(*batch)``.
        observation: what was observed, for errors.
        evidence: log p(o|s) of each site that was observed, ``(*batch, states)``.

    Raises:
        ValueError: for an observation of probability zero, or batch dims that do not fit.
    """
    seen = {name: value.shape[:-1] for name, value in evidence.items()}
    with one_batch(belief=belief.batch_shape, **seen):
        log_joint = sum(evidence.values(), belief.log_probs)
    log_evidence = ops.logsumexp(log_joint, -1)
    if bool((log_evidence == -math.inf).any()):
        raise impossible(belief.log_probs, belief.step, observation, evidence)
    return JointBelief(
        belief.step,
        belief.sites,
        log_probs_=log_joint - log_evidence.unsqueeze(-1),
        evidence=Evidence(belief.log_probs, evidence, log_evidence),
    )
