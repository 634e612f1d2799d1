"""Joint arrays of a compiled program, each built when it is first needed."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from torch import Tensor

from ..compile import Tables
from .channel import Channel
from .joint import Dynamics, dynamics, linked_sites
from .likelihood import SiteLikelihoods
from .linear import LinearMap, linear_map
from .motion import action_index
from .novelty_rules import MutualInformation, TableNovelty
from .novelty_tables import outcome_novelty, transition_novelty
from .outcomes import (
    Look,
    OutcomeModel,
    ScoredOutcomes,
    joint_likelihood,
    outcome_model,
    score_outcomes,
)
from .sweep import Prefixes, Unrolled

KEPT_NUMBERS = 2**24  # in the maps of time steps: those of the latest are kept
KEPT_TREES = 8


class JointArrays:
    """Joint arrays of one compilation, each built when it is first needed."""

    def __init__(
        self, tables: Tables, novelty: TableNovelty | None = None, channel: Channel | None = None
    ) -> None:
        self.tables, self.channel = tables, channel
        self.novelty = MutualInformation() if novelty is None else novelty
        self.dynamics: Dynamics = dynamics(tables)
        self.gained = transition_novelty(tables, self.dynamics.transition, self.novelty)
        self.likelihoods = SiteLikelihoods(tables, linked_sites(tables))
        self._outcomes: OutcomeModel | None = None
        self._scored: dict[int, tuple[Any, ScoredOutcomes, Look | None]] = {}
        self._unrolled: dict[tuple[int, int], tuple[Any, Any, Unrolled | None]] = {}
        self._move: LinearMap | None = None

    @property
    def learned(self) -> bool:
        """Whether gradients reach the tables."""
        return self.dynamics.transition.requires_grad

    @property
    def move(self) -> LinearMap:
        """From states to next states under every action, ``(next states * actions)``."""
        if self._move is None:
            self._move = linear_map(self.dynamics.transition.permute(1, 2, 0).flatten(1))
        return self._move

    def outcomes(self, joint: bool) -> OutcomeModel:
        """What is shown, of all sites together or (where not ``joint``) of each by itself."""
        if self._outcomes is None:
            self._outcomes = outcome_model(self.tables, joint, self.channel)
        return self._outcomes

    @cached_property
    def joint_likelihood(self) -> Tensor:
        """p(o | s) of the joint outcomes, ``(states, outcomes)``."""
        return joint_likelihood(self.tables, self.channel)

    def scored(self, joint: bool, preferences: Any) -> tuple[ScoredOutcomes, Look | None]:
        """How outcomes are scored now, and one step ahead of the present state."""
        key = id(preferences)  # kept alive with its value, so that no other takes its place
        kept = self._scored.get(key)
        if kept is None:
            new = outcome_novelty(self.tables, self.novelty)
            model = self.outcomes(joint)
            found = score_outcomes(self.tables, model, preferences, new, self.channel)
            kept = (preferences, found, found.ahead(self.dynamics.transition, self.gained))
            room = KEPT_NUMBERS // (found.numbers * self.dynamics.transition[..., 0].numel())
            while len(self._scored) > room:
                self._scored.pop(next(iter(self._scored)), None)
            self._scored[key] = kept
        return kept[1:]

    def unrolled(self, scored: ScoredOutcomes, prefixes: Prefixes) -> Unrolled | None:
        """The map of a whole tree, where that is small; those of a few trees are kept."""
        key = (id(scored), id(prefixes))
        kept = self._unrolled.get(key)
        if kept is None:
            kept = (scored, prefixes, self._multiplied_out(scored, prefixes))
            while len(self._unrolled) >= KEPT_TREES:
                self._unrolled.pop(next(iter(self._unrolled)), None)
            self._unrolled[key] = kept
        return kept[-1]

    def _multiplied_out(self, scored: ScoredOutcomes, prefixes: Prefixes) -> Unrolled | None:
        if not Unrolled.fits(scored, prefixes):
            return None
        controls, transition = self.tables.controls, self.dynamics.transition
        index = [action_index(controls, u, transition.device) for u in prefixes.actions]
        return Unrolled.of(scored, transition, self.gained, prefixes, index)
