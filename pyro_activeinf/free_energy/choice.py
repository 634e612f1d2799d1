"""Which estimator of expected free energy fits a belief and what is observed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..compile import Programs
from ..compile.linear_sites import GaussianSite
from ..filters import FactorizedBelief, GaussianBelief, JointBelief
from ..guides.sites import quiet, sampled
from ..models.unroll import random_names
from ..records import Belief
from .estimator import Estimator
from .exact import Exact
from .gaussian import Gaussian
from .mixed import Mixed
from .nested import Nested
from .outcome_rules import Quadrature, finite_support

CAUTIOUS = Nested(include_self=True)
MOST_OUTCOMES = 4096  # joint outcomes that are enumerated unasked


def choose(belief: Belief | None, outcomes: Mapping[str, Any]) -> Estimator:
    """The estimator with the least noise that can be had without approximating.

    - every outcome can be enumerated: :class:`Exact`;
    - a Gaussian belief and Gaussian outcomes: :class:`Gaussian`;
    - a discrete belief, and real outcomes of at most three numbers: :class:`Mixed`;
    - anything else: :class:`Nested`, with each particle among its own inner ones, so that it does
      not promise more than there is to learn.

    Args:
        belief: what is believed about the state; ``None`` where there are only draws of it.
        outcomes: observation site to a distribution as ``observe`` draws from.

    Example:
        >>> import torch, pyro.distributions as dist
        >>> from pyro_activeinf.filters import ExactFilter
        >>> from pyro_activeinf.models import TMaze
        >>> belief = ExactFilter(TMaze()).initial()
        >>> choose(belief, {"seen": dist.Bernoulli(0.5)})
        Exact(outcomes=64)
        >>> type(choose(belief, {"level": dist.Normal(0.0, 1.0)})).__name__
        'Mixed'
    """
    supports = {name: finite_support(fn) for name, fn in outcomes.items()}
    others = [outcomes[name] for name, support in supports.items() if support is None]
    joint = math.prod(len(support) for support in supports.values() if support is not None)
    if not others:
        return Exact() if joint <= MOST_OUTCOMES else CAUTIOUS
    if not all(_gaussian(fn) for fn in others):
        return CAUTIOUS
    if len(others) == len(outcomes) and isinstance(belief, GaussianBelief):
        return Gaussian()
    rule = Quadrature()
    grid = joint * rule.nodes ** sum(fn.event_shape.numel() for fn in others)
    discrete = isinstance(belief, JointBelief | FactorizedBelief)
    return Mixed(rule) if discrete and grid <= MOST_OUTCOMES else CAUTIOUS


def _gaussian(fn: Any) -> bool:
    parts = GaussianSite.of(fn)
    return parts is not None and parts.scale is not None


def outcome_distributions(model: Programs) -> dict[str, Any]:
    """Observation site to the distribution of one draw, from a quiet run of the programs."""
    state = quiet(model.initial).nodes["_RETURN"]["value"]
    random = random_names(model)
    found = sampled(quiet(model.observe, state))
    return {name: fn for name, fn in found.items() if name not in random}
