"""Levels that are linked by names, and the messages that pass between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from .. import ops
from .._checks import complain
from ..filters import ExactFilter, JointBelief
from ..filters.context import Context, Link
from ..records import LevelMessages
from .level import Level
from .wishing import WishLinks

Chosen = bool | Tensor  # for all members of a batch alike, or (*batch)


@dataclass(frozen=True)
class LevelState:
    """Where one level is: messages about its present step, and the belief that follows."""

    ticks: Tensor  # (*batch): own steps since it began, the present one included
    message: Tensor  # (*batch, values set from above, states): all before the present step
    own: Tensor  # (*batch, states): log-likelihood of what it saw itself at this step
    below: Tensor  # (*batch, states): and of what levels below saw
    belief: JointBelief
    down: Tensor  # (*batch, values set from above): log p(c) as predicted from above
    up: Tensor  # (*batch, values set from above): log p(o|c) of all since it began


@dataclass(frozen=True)
class Floor:
    """One level and its ties to its neighbors."""

    level: Level
    filter: ExactFilter
    context: Context  # what the level above sets; nothing for the topmost
    link: Link | None  # what it sets below; None for the lowest
    wishes: WishLinks | None  # what the level above wishes; None for the topmost

    def seen(self, state: LevelState) -> Tensor:
        """The message with all that is known of the present step."""
        return self.context.see(state.message, state.own + state.below)

    def before_below(self, state: LevelState, down: Tensor) -> JointBelief:
        """The belief without what levels below have to say of the present step."""
        known = self.context.see(state.message, state.own)
        return self.context.belief(known, down, state.belief.step)


class Tower:
    r"""Floors from the lowest to the topmost, and one round of messages through them.

    .. math::
        \text{up: } \log p(o|x_{i+1}) = \log \sum_c p(c|x_{i+1}) \sum_{x_i} M_i[c, x_i],
        \qquad \text{down: } p(c) = \sum_x q(x_{i+1}) \, p(c|x_{i+1})

    Raises:
        ValueError: where two neighbors share no site.
    """

    def __init__(self, levels: Sequence[Level]) -> None:
        filters = [level.filter or ExactFilter(level.model) for level in levels]
        names = [_shared(i, low, high) for i, (low, high) in enumerate(pairwise(filters), 1)]
        wishes = [*(WishLinks.between(low, high) for low, high in pairwise(filters)), None]
        self.floors = [
            Floor(
                level, filter, Context(filter, above), Link(filter, below) if below else None, wish
            )
            for level, filter, above, below, wish in zip(
                levels, filters, [*names, ()], [(), *names], wishes, strict=True
            )
        ]

    def linked(self, i: int) -> tuple[str, ...]:
        """Observation sites of a level that stand for something in the level below."""
        link, below = self.floors[i].link, self.floors[i - 1].wishes if i else None
        return (*(link.names if link else ()), *(below.names if below else ()))

    def begun(self, batch: tuple[int, ...]) -> list[LevelState]:
        """All levels before the first observation, ``(*batch)``."""
        states: list[LevelState] = []
        for floor in self.floors:
            message = floor.context.start(batch)
            none = message.new_zeros(message.shape[:-2] + message.shape[-1:])
            belief = JointBelief(0, floor.filter.tables.states, log_probs_=none)
            ticks = torch.ones(batch, dtype=torch.long, device=message.device)
            zero = message.new_zeros(message.shape[:-1])
            states.append(LevelState(ticks, message, none, none, belief, zero, zero))
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
            below = state.below if upper.link is None else upper.link.up(evidence)
            risen.append(replace(state, below=below))
        down = torch.zeros_like(risen[-1].down)
        found: list[LevelState] = []
        for floor, state in zip(reversed(self.floors), reversed(risen), strict=True):
            belief = floor.context.belief(floor.seen(state), down, state.belief.step)
            found.insert(0, replace(state, belief=belief, down=down))
            if floor.link is not None:
                down = floor.link.down(floor.before_below(state, down))
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
        totals = [ops.logsumexp(top.seen(states[-1]), -1).squeeze(-1) for states in (before, after)]
        upto = [-_mean(a.belief, a.below - b.below) for b, a in zip(before, after, strict=True)]
        upto = [*upto[1:], totals[0] - totals[1]]
        return [upto[0], *(upper - lower for lower, upper in pairwise(upto))]


def _passed(context: Context, state: LevelState) -> LevelMessages:
    sizes = tuple(site.size for site in context.sites)
    down = state.down.expand_as(state.up)
    return LevelMessages(context.names, sizes, state.ticks, down, state.up)


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
        message, ticks = _where(acts, moved, message), _where(acts, ticks + 1, ticks)
    if anew is not False:
        begun = floor.context.start(tuple(state.message.shape[:-2]))
        message, ticks = _where(anew, begun, message), _where(anew, torch.ones_like(ticks), ticks)
    none = torch.zeros_like(state.own)
    return replace(
        state,
        ticks=ticks,
        message=message,
        own=_where(acts, none, state.own),
        below=_where(acts, none, state.below),
        belief=replace(state.belief, step=int(ticks.max()) - 1),
    )


def _rescaled(floor: Floor, message: Tensor) -> Tensor:
    """Of the topmost level, which never begins anew, only the posterior is kept."""
    if floor.context.names:
        return message
    return message - ops.logsumexp(message, -1).unsqueeze(-1)


def _where(chosen: Chosen, new: Tensor, old: Tensor) -> Tensor:
    if not isinstance(chosen, Tensor):
        return new if chosen else old
    return torch.where(chosen.reshape(*chosen.shape, *[1] * (new.dim() - chosen.dim())), new, old)


def _mean(belief: JointBelief, values: Tensor) -> Tensor:
    """Expectation under a belief, where 0 times minus infinity is 0."""
    return ops.exp_dot(belief.log_probs, values)


def _shared(number: int, low: ExactFilter, high: ExactFilter) -> tuple[str, ...]:
    """Sites that link level ``number`` with the one above, in the order of the program below.

    Raises:
        ValueError: where there is none, or their supports differ.
    """
    shown = {site.name: site for site in high.tables.outcomes}
    found = [site for site in low.tables.states if site.name in shown]
    if not found:
        raise ValueError(
            complain(
                f"levels[{number}]",
                "an observation site with the name of an initial-state site of the level below, "
                f"one of {[site.name for site in low.tables.states]}",
                list(shown),
                "Rename a site, so that the two levels meet.",
            )
        )
    for site in found:
        other = shown[site.name]
        if site.support.shape != other.support.shape or bool((site.support != other.support).any()):
            raise ValueError(
                complain(
                    f"site '{site.name}' of levels[{number}]",
                    f"the {site.size} values that it has at the level below",
                    f"{other.size} values",
                )
            )
    return tuple(site.name for site in found)
