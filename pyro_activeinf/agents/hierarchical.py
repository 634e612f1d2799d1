"""Agents over agents: each level plans within the context that the one above sets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from .._checks import batch_dims, complain
from ..compile import Settled, depends_on_step
from ..filters.context import ImpossibleObservation
from ..records import Belief, PolicyPosterior
from . import keeping_levels
from .actor import Actor
from .choosing import count, drawn, sharpened
from .floors import LevelState
from .hierarchical_belief import HierarchicalBelief, level_terms
from .level import Level, as_level
from .members import at_own_steps
from .naming import by_level, names_of
from .outward import Lowest, Outward
from .tower import Chosen, Tower, both


class HierarchicalAgent(Actor):
    r"""Perceives, plans and acts with models one above the other, each with its own clock.

    An observation site of level i + 1 that has the name of an initial-state site of level i links
    the two; one that the level below names in ``prefer`` or ``habit`` sets its preferences or
    habits to what is predicted there (log-probabilities, or the density of a real site). A step
    of the level above lasts as many steps of the one below as that level's ``steps_per_update``
    says (or until its condition holds); then the level above acts, and the level below begins anew
    in the context that is predicted.

    .. math::
        F = \sum_i F_i, \qquad F_i = E_q[\log q(s_i|s_{i+1}) - \log p(s_i|s_{i+1})]
            - \textstyle\sum_{o \in i} E_q[\log p(o|s_i)]

    With exact filters beliefs are those of the one model that has all levels in it. Any level may
    have another one, as long as its first state can be set (see :class:`Level`).

    Args:
        levels: lowest first: :class:`Level`, or models.
        outward: what the world is shown of the actions: :class:`Lowest` by default, that of the
            lowest level; :class:`Highest` for worlds in which several levels act.

    Raises:
        ValueError: where neighbors share no site, for a filter that cannot be where it is, or for
            wishes that the level below cannot take.

    Reference: Friston, Rosch, Parr, Price and Bowman (2017), "Deep temporal models and active
    inference", Neuroscience and Biobehavioral Reviews 77.
    """

    def __init__(self, levels: Sequence[Level | Any], outward: Outward | None = None) -> None:
        if isinstance(levels, Level) or not isinstance(levels, Sequence) or len(levels) < 2:
            raise ValueError(complain("levels", "two levels or more, lowest first", repr(levels)))
        if not isinstance(outward, Outward | None):
            raise TypeError(complain("outward", "Lowest() or Highest()", repr(outward)))
        self.tower = Tower([as_level(level) for level in levels])
        self.outward = outward or Lowest()
        self.reset()

    @property
    def observation_sites(self) -> tuple[str, ...]:
        """Names of what it can be shown, but for those that stand for a level below."""
        return tuple(names_of(self.tower))

    def finish(self) -> None:
        """The episode is over; the beliefs stay until :meth:`reset`."""

    def reset(self, batch_shape: tuple[int, ...] = ()) -> None:
        """Forget the episode: the next observation is the first. Batched where asked."""
        self.batch_shape = batch_dims(batch_shape)
        self.states: list[LevelState] | None = None
        self.belief: HierarchicalBelief | None = None
        self.posteriors: dict[int, PolicyPosterior] = {}
        self.actions: dict[int, Tensor] = {}

    def perceive(self, observation: Mapping[str, Any], action: Any = None) -> HierarchicalBelief:
        """Update all levels.

        Args:
            observation: site to value ``(*batch, *event)``, by the site's own name, or
                ``f"level{i}/{site}"`` where several levels have it.
            action: what was done since the last observation, where it was not chosen by
                :meth:`act`: of the lowest level, or number of the level (1 = lowest) to action.

        Raises:
            ValueError: for an unknown site or level, an impossible observation, or a missing
                action. The beliefs are then unchanged.
        """
        seen = by_level(self.tower, observation)
        with Settled():
            before = self._before(action)
            try:
                after, accuracy = self._seen(before, seen)
            except ImpossibleObservation as error:
                raise _impossible(seen, before) from error
            surprise = self.tower.surprise(before, after)
        self.states = after
        self.posteriors, self.actions = {}, {}
        self.belief = HierarchicalBelief(
            tuple(state.belief for state in after),
            level_terms(surprise, accuracy),
            self.tower.messages(after),
        )
        return self.belief

    def _before(self, action: Any) -> list[LevelState]:
        if self.states is None:
            return self.tower.begun(self.batch_shape)
        ended = self._ended(self.states)
        taken = dict(self.actions)
        if isinstance(action, Mapping):
            self._require_levels(action)
            taken |= {number - 1: each for number, each in action.items()}
        elif action is not None:
            taken[0] = action
        choosing = self._choosing()
        if 0 in choosing and 0 not in taken:
            raise ValueError(
                complain("action", "an action between two observations", None, "Call act() first.")
            )
        for i in choosing:
            if i not in taken:
                taken[i] = self._decided(i)
        return self.tower.advanced(self.states, taken, ended)

    def _require_levels(self, numbers: Iterable[Any]) -> None:
        levels = range(1, len(self.tower.floors) + 1)
        unknown = [number for number in numbers if number not in levels]
        if unknown:
            expected = f"numbers of levels from 1 (the lowest) to {len(levels)}"
            raise ValueError(complain("action", expected, unknown))

    def _ended(self, states: Sequence[LevelState]) -> list[Chosen]:
        """Whether each level has come to the end of the step of the level above."""
        found: list[Chosen] = []
        for floor, state in zip(self.tower.floors[:-1], states, strict=False):
            over = floor.level.over(state.ticks, state.belief)
            same = bool(over.all()), not bool(over.any())
            found.append(True if same[0] else False if same[1] else over)
        return found

    def _seen(
        self, before: Sequence[LevelState], seen: Mapping[int, dict[str, Any]]
    ) -> tuple[list[LevelState], dict[int, dict[str, Tensor]]]:
        each: dict[int, dict[str, Tensor]] = {}
        states = list(before)
        for i, part in seen.items():
            states[i], each[i] = self.tower.floors[i].looked(states[i], part)
        after = self.tower.settled(states)
        return after, {
            i: {
                n: self.tower.floors[i].context.expected(after[i].belief, v)
                for n, v in part.items()
            }
            for i, part in each.items()
        }

    def plan(self) -> PolicyPosterior:
        """Score the policies of each level that acts next; returns those of the lowest."""
        choosing = self._choosing()
        if 0 not in choosing:
            raise ValueError(complain("levels[0]", "a model with actions to plan over", "none"))
        for i in choosing:
            self._planned(i)
        return self.posteriors[0]

    def _choosing(self) -> list[int]:
        """Levels that act next and have a choice."""
        if self.states is None:
            raise ValueError(
                complain("belief", "one to plan from", None, "Call perceive(observation) first.")
            )
        return [
            i
            for i, (floor, acts) in enumerate(zip(self.tower.floors, self._acts(), strict=True))
            if acts is not False and floor.filter.actions is not None
        ]

    def _planned(self, i: int) -> PolicyPosterior:
        if i not in self.posteriors and self.belief is not None and self.states is not None:
            beliefs, ticks = self.belief.levels, self.states[i].ticks
            own, above = beliefs[i], beliefs[min(i + 1, len(beliefs) - 1)]
            plan = partial(self._scored, i)
            if bool((ticks == ticks.flatten()[:1]).all()) or not self._timed(i):
                self.posteriors[i] = plan(own, above)
            else:
                self.posteriors[i] = at_own_steps(plan, own, above, ticks - 1)
        return self.posteriors[i]

    def _scored(self, i: int, own: Belief, above: Belief) -> PolicyPosterior:
        floor = self.tower.floors[i]
        planner, scored = floor.level.planner, floor.reporting
        if floor.wishes is None:
            return planner(scored.filter(), scored.belief(own))
        return floor.wishes.plan(planner, scored.filter(), scored.belief(own), above)

    def _timed(self, i: int) -> bool:
        """Whether what a level prefers differs from one of its time steps to another."""
        return depends_on_step(self.tower.floors[i].level.model)

    def _decided(self, i: int) -> Tensor:
        if i not in self.actions:
            posterior, level = self._planned(i), self.tower.floors[i].level
            self.actions[i] = drawn(posterior, level.action_precision, level.model.actions)
        return self.actions[i]

    def act(self) -> Tensor:
        """Choose the next actions of all levels that act; returns what the world is shown."""
        self.plan()
        self.actions = {}
        for i in self._choosing():
            self._decided(i)
        sizes = [count(floor.filter.actions) for floor in self.tower.floors]
        return self.outward(self.actions, self._acts(), sizes)

    def _acts(self) -> list[Chosen]:
        """Whether each level acts next: where all levels below have come to an end."""
        found: list[Chosen] = [True]
        for over in self._ended(self.states or []):
            found.append(both(found[-1], over))
        return found

    def action_probs(self, posterior: PolicyPosterior) -> Tensor:
        """Probabilities of the lowest level's next action, ``(*batch, *controls)``."""
        return sharpened(posterior, self.tower.floors[0].level.action_precision)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the agent to a file, as a whole or not at all; nothing in it is code.

        Kept are what each level believes and where it is in its step, actions that were chosen,
        and the parameters of the models; planners, filters and clocks as far as plain values
        describe them, and what planners go on from. Not the programs, nor plans, nor torch's
        generator.

        Args:
            path: the file; its folder exists.

        Raises:
            OSError: where it cannot be written; an old file stays as it was.
        """
        keeping_levels.save(path, self)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        levels: Sequence[Level | Any],
        outward: Outward | None = None,
    ) -> HierarchicalAgent:
        """Read an agent that :meth:`save` has written.

        Args:
            path: the file.
            levels: lowest first: models, whose parameters become those of the file, and which
                are completed by planner, filter and clock from there; or a :class:`Level` where
                it has a condition ``until``, or others are wanted.
            outward: where another one is wanted.

        Raises:
            FileNotFoundError: where there is no such file.
            ValueError: for a damaged file, one of another kind, models whose parameters do not
                fit, or where a level has to be given as a whole.

        Example:
            >>> import tempfile
            >>> from pyro_activeinf.models import RoomLegs, RoomWalk
            >>> from pyro_activeinf.planning import OpenLoop
            >>> agent = HierarchicalAgent([Level(RoomWalk(), OpenLoop(2)), RoomLegs()])
            >>> _ = agent.perceive({"position": 3, "reward": 0})
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     agent.save(f"{folder}/agent.pt")
            ...     again = HierarchicalAgent.load(f"{folder}/agent.pt", [RoomWalk(), RoomLegs()])
            >>> again.belief.marginals["level1/location"].probs.argmax().item()
            3
        """
        kept = keeping_levels.load(path)
        found = keeping_levels.levels_of(kept, levels)
        kind = keeping_levels.outward_of(kept) if outward is None else outward
        agent = cls(found, kind)
        keeping_levels.restore(agent, kept)
        keeping_levels.resume(agent, kept, levels)
        return agent


def _impossible(
    seen: Mapping[int, dict[str, Any]], states: Sequence[LevelState]
) -> ImpossibleObservation:
    """The error for what cannot have been seen, with what it was and where levels are."""
    values = {f"level{i + 1}/{n}": value for i, part in seen.items() for n, value in part.items()}
    ticks = {f"level {i}": int(state.ticks.max()) - 1 for i, state in enumerate(states, 1)}
    way_out = (
        "The beliefs are unchanged. Give likelihoods, transitions or links some noise, or the "
        "level a longer clock: where it begins anew, it is where its initial says."
    )
    expected = "one of positive probability under what all levels believe"
    got = f"{values} with probability 0 at time steps {ticks}"
    return ImpossibleObservation(complain("observation", expected, got, way_out))
