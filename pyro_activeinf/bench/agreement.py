"""The numbers that both sides compute, and how far apart they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..agents import Agent
from ..records import Belief, PolicyPosterior


def plan_numbers(posterior: PolicyPosterior) -> dict[str, Any]:
    """Minus G and q(pi), ``(batch, policies)``."""
    count = len(posterior.policies)
    scores, probs = -posterior.expected_free_energy, posterior.probs
    return {
        "neg_efe": scores.reshape(-1, count).tolist(),
        "policy_probs": probs.reshape(-1, count).tolist(),
    }


def belief_numbers(belief: Belief) -> dict[str, Any]:
    """The marginal of each state site, ``(batch, values)``."""
    marginals = [q.probs for q in belief.marginals.values()]  # type: ignore[attr-defined]
    return {f"belief {f}": p.reshape(-1, p.shape[-1]).tolist() for f, p in enumerate(marginals)}


def agent_numbers(agent: Agent) -> dict[str, Any]:
    """What an agent believes and plans."""
    belief, posterior = agent.belief, agent.posterior
    found = {} if belief is None else belief_numbers(belief)
    return found if posterior is None else {**found, **plan_numbers(posterior)}


def largest_difference(a: Mapping[str, Any], b: Mapping[str, Any]) -> float | None:
    """The largest difference between the numbers of two sides; ``None`` where none are common.

    Example:
        >>> largest_difference({"x": [1.0, 2.0]}, {"x": [1.0, 2.5], "y": [0.0]})
        0.5
    """
    common = a.keys() & b.keys()
    gaps = [float(np.abs(np.subtract(a[name], b[name])).max()) for name in common]
    return max(gaps) if gaps else None
