"""Levels that are linked by names, and the messages that pass between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ..filters.context import Context
from ..filters.point_context import PointContext
from ..records import LevelMessages
from .floors import Floor, LevelState, floors_of
from .level import Level

Chosen = bool | Tensor  # for all members of a batch alike, or (*batch)


class Tower:
    r"""Floors from the lowest to the topmost, and one round of messages through them.

    .. math::
        \text{up: } \log p(o|x_{i+1}) = \log \sum_c p(c|x_{i+1}) \sum_{x_i} M_i[c, x_i],
        \qquad \text{down: } p(c) = \sum_x q(x_{i+1}) \, p(c|x_{i+1})

    Raises:
        ValueError: where two neighbors share no site.
    """

    def __init__(self, levels: Sequence[Level]) -> None:
        self.floors = floors_of(levels)

    def linked(self, i: int) -> tuple[str, ...]:
        """Observation sites of a level that stand for something in the level below."""
        link, below = self.floors[i].link, self.floors[i - 1].wishes if i else None
        return (*(link.names if link else ()), *(below.names if below else ()))

    def begun(self, batch: tuple[int, ...]) -> list[LevelState]:
        """All levels before the first observation, ``(*batch)``."""
        states: list[LevelState] = []
        down = self.floors[-1].context.unset(batch)
        for floor in reversed(self.floors):
            message, none = floor.context.start(batch), floor.context.nothing(batch)
            belief = floor.context.belief(message, down, 0)
            ticks = torch.ones(batch, dtype=torch.long, device=none.device)
            up = floor.context.evidence(message)
            states.insert(0, LevelState(ticks, message, none, none, belief, down, up))
            if floor.link is not None:
                down = floor.link.down(belief)
        return self.settled(states)

    def settled(self, states: Sequence[LevelState]) -> list[LevelState]:
        """Evidence goes up, predictions come down: every belief is exact afterwards.

        Raises:
            ValueError: where what was seen is impossible.
        """
        risen = [states[0]]
        for lower, upper, state in zip(self.floors, self.floors[1:], states[1:], strict=False):
            evidence = lower.context.evidence(lower.seen(risen[-1]))
            risen[-1] = replace(risen[-1], up=evidence)
            below = state.below
            if upper.link is not None:
                below = upper.link.up(evidence, state.message)
            risen.append(replace(state, below=below))
        down = risen[-1].down
        found: list[LevelState] = []
        for floor, state in zip(reversed(self.floors), reversed(risen), strict=True):
            belief = floor.context.belief(floor.seen(state), down, state.belief.step)
            found.insert(0, replace(state, belief=belief, down=down))
            if floor.link is not None:
                down = floor.predicted_below(state, down)
        return found

    def advanced(
        self, states: Sequence[LevelState], actions: Mapping[int, Any], ended: Sequence[Chosen]
    ) -> list[LevelState]:
        """One tick on: each level acts where all levels below have ended, or begins anew.

        Args:
            states: all levels, lowest first.
            actions: what each level does where it goes on; by its position from 0.
            ended: whether each level has come to the end of the step of the level above.
        """
        below: Chosen = True
        found: list[LevelState] = []
        for i, (floor, state) in enumerate(zip(self.floors, states, strict=True)):
            anew = False if i == len(states) - 1 else both(below, ended[i])
            found.append(_moved(floor, state, actions.get(i), below, anew))
            below = anew
        return found

    def messages(self, states: Sequence[LevelState]) -> dict[int, LevelMessages]:
        """What passes between each level (1 = lowest) and the one above."""
        return {
            i: _passed(floor.context, state)
            for i, (floor, state) in enumerate(zip(self.floors[:-1], states, strict=False), 1)
        }

    def surprise(self, before: Sequence[LevelState], after: Sequence[LevelState]) -> list[Tensor]:
        r"""F of each level for what was seen between two states, ``(*batch)`` in nats.

        .. math:: F_i = E_q[\log q(s_i|s_{i+1}) - \log p(s_i|s_{i+1})] - E_q[\log p(o_i|s_i)]

        Their sum is minus the logarithm of the evidence.
        """
        top = self.floors[-1]
        totals = [top.context.evidence(top.seen(states[-1]))[..., 0] for states in (before, after)]
        each = list(zip(self.floors, before, after, strict=True))[1:]
        upto = [floor.context.expected(a.belief, _gained(a, b)) for floor, b, a in each]
        upto = [-value for value in upto]
        upto.append(totals[0] - totals[1])
        return [upto[0], *(upper - lower for lower, upper in pairwise(upto))]


def _passed(context: Context[Any, Any], state: LevelState) -> LevelMessages:
    sizes = tuple(site.size for site in context.sites)
    down = state.down.expand_as(state.up) if sizes else state.down
    up = context.quadratic(state.up) if isinstance(context, PointContext) else state.up
    return LevelMessages(context.names, sizes, state.ticks, down, up)


def _gained(after: LevelState, before: LevelState) -> Tensor:
    """What the levels below have told since, where what was impossible stays so."""
    never = before.below == -math.inf
    return torch.where(never, after.below, after.below - before.below)


def both(one: Chosen, other: Chosen) -> Chosen:
    """Whether two things hold, for all members of a batch or for each."""
    if one is False or other is False:
        return False
    if one is True:
        return other
    return one if other is True else torch.as_tensor(one) & torch.as_tensor(other)


def _moved(floor: Floor, state: LevelState, action: Any, acts: Chosen, anew: Chosen) -> LevelState:
    """A level that stays at its step, acts, or begins anew."""
    if acts is False:
        return state
    message, ticks = state.message, state.ticks
    if anew is not True:
        moved = floor.context.move(_rescaled(floor, floor.seen(state)), action)
        message, ticks = _either(floor, acts, moved, message), _where(acts, ticks + 1, ticks)
    if anew is not False:
        begun = floor.context.start(tuple(state.up.shape[:-1]))
        message, ticks = (
            _either(floor, anew, begun, message),
            _where(anew, torch.ones_like(ticks), ticks),
        )
    none = torch.zeros_like(state.own)
    return replace(
        state,
        ticks=ticks,
        message=message,
        own=_where(acts, none, state.own),
        below=_where(acts, none, state.below),
        belief=replace(state.belief, step=int(ticks.max()) - 1),
    )


def _rescaled(floor: Floor, message: Any) -> Any:
    """Of the topmost level, which never begins anew, evidence is counted from now."""
    return message if floor.context.names else floor.context.forget(message)


def _either(floor: Floor, chosen: Chosen, new: Any, old: Any) -> Any:
    if not isinstance(chosen, Tensor):
        return new if chosen else old
    return floor.context.choose(chosen, new, old)


def _where(chosen: Chosen, new: Tensor, old: Tensor) -> Tensor:
    if not isinstance(chosen, Tensor):
        return new if chosen else old
    return torch.where(chosen.reshape(*chosen.shape, *[1] * (new.dim() - chosen.dim())), new, old)
