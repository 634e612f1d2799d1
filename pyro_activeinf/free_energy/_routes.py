"""Which filter carries a belief through the future."""

from __future__ import annotations

from typing import Any

from .._checks import complain
from ..compile import Programs
from ..filters import (
    ExactFilter,
    FactorizedBelief,
    FactorizedFilter,
    Filter,
    GaussianBelief,
    GaussianFilter,
    HiddenMarkovFilter,
    JointBelief,
    ParticleFilter,
)
from ..filters.particle_belief import ParticleBelief
from ..guides import RecognitionGuide
from ..records import Belief
from .choice import outcome_distributions
from .outcome_rules import finite_support


def _listed(model: Programs) -> bool:
    """Whether every outcome has finitely many values."""
    found = outcome_distributions(model).values()
    return all(finite_support(fn) is not None for fn in found)


class _Bare:
    """The programs that move states and show them, without preferences."""

    def __init__(self, model: Programs) -> None:
        self.model, self.actions = model, model.actions
        self.initial, self.transition = model.initial, model.transition
        self.observe = model.observe
        if (habit := getattr(model, "habit", None)) is not None:
            self.habit = habit


def filter_for(model: Programs, guide: Any, belief: Belief) -> Filter:
    """The filter whose beliefs are of this kind.

    Raises:
        TypeError: for a belief of an unknown kind.
    """
    if isinstance(belief, JointBelief):
        return (ExactFilter if _listed(model) else HiddenMarkovFilter)(_Bare(model))
    if isinstance(belief, FactorizedBelief):
        return FactorizedFilter(_Bare(model))
    if isinstance(belief, GaussianBelief):
        return GaussianFilter(_Bare(model))
    if isinstance(belief, ParticleBelief):
        proposal = guide if isinstance(guide, RecognitionGuide) else None
        return ParticleFilter(model, proposal, len(belief.log_weights))
    raise TypeError(
        complain(
            "belief",
            "a belief of one of the filters",
            type(belief).__name__,
            "ParticleFilter(model).initial() starts from any program.",
        )
    )
