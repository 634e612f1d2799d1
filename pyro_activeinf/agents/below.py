"""How a level scores the sites that stand for the level below: as if seen, or as reported."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .. import ops
from .._checks import complain, positive_int
from ..filters.channel import Channel, merged

if TYPE_CHECKING:
    from .course import Course, Courses

__all__ = ["AsSeen", "Below", "Enumerated", "Simulated"]

MOST_NUMBERS = 2**26


class Below(ABC):
    r"""What a level scores in place of the sites that stand for the level below.

    .. math::
        G = -E_q[\log \tilde p(o)] - I(x; r), \qquad p(r|x) = \sum_c p(c|x) \, p(r|c)

    The reports r are the courses of events below in one step of the level, as far as they tell of
    the linked sites c. What the level below prefers at each of its steps counts as well. It is
    taken to act from the first state that its own ``initial`` says.
    """

    @abstractmethod
    def channel(self, course: Course, sites: Sequence[str]) -> Channel | None:
        """What the level below makes of these sites; ``None`` where they count as seen."""


@dataclass(frozen=True)
class AsSeen(Below):
    """Linked sites are scored as if they were seen directly, as in Friston et al. (2017).

    Their epistemic value is an upper bound of what the level below can bring.
    """

    def channel(self, course: Course, sites: Sequence[str]) -> Channel | None:
        """None."""
        return None


@dataclass(frozen=True)
class Enumerated(Below):
    """By every course of events below: exact where the choices below do not hang on the prior.

    Args:
        most: number of courses at most.

    Raises:
        ValueError: at the first plan, where there are more of them.
    """

    most: int = 100_000

    def __post_init__(self) -> None:
        positive_int("most", self.most)

    def channel(self, course: Course, sites: Sequence[str]) -> Channel | None:
        """See :class:`Below`."""
        going, ended, tick = course.begun(1), list[Tensor](), 0
        worth = course.log_prior.new_zeros(course.values)
        while len(going.log_choice):
            worth = worth + course.worth(going, tick).sum(0)
            going = self._seen(course, going)
            over = course.over(going, tick)
            done = going.taken(over.nonzero().squeeze(-1))
            told = ops.logsumexp(done.log_joint, -1) + done.log_choice.unsqueeze(-1)
            ended.append(told.mT)
            going = self._acted(course, going.taken((~over).nonzero().squeeze(-1)), tick)
            tick += 1
        return Channel(tuple(sites), merged(torch.cat(ended, -1)), worth)

    def _seen(self, course: Course, going: Courses) -> Courses:
        """Every course with every outcome that is possible."""
        self._require(going.log_joint.shape, course.outcomes.shape[-1])
        count = course.outcomes.shape[-1]
        which = torch.arange(len(going.log_choice)).repeat_interleave(count)
        seen = course.seen(going.taken(which), torch.arange(count).repeat(len(going.log_choice)))
        return seen.taken((seen.log_joint > -math.inf).flatten(1).any(-1).nonzero().squeeze(-1))

    def _acted(self, course: Course, going: Courses, tick: int) -> Courses:
        """Every course with every action that may be chosen."""
        if not len(going.log_choice):
            return going
        log_probs = course.choices(going, tick)
        which, action = (log_probs > -math.inf).nonzero(as_tuple=True)
        self._require(going.log_joint.shape, log_probs.shape[-1])
        return course.moved(going.taken(which), action, log_probs[which, action])

    def _require(self, shape: torch.Size, times: int) -> None:
        if shape[0] * times > self.most or shape.numel() * times > MOST_NUMBERS:
            expected, got = f"at most {self.most:,} courses", f"{shape[0] * times:,}"
            way_out = "Simulated(episodes) draws some of them."
            raise ValueError(complain("levels", f"{expected} of events below", got, way_out))


@dataclass(frozen=True)
class Simulated(Below):
    r"""By courses of events that are drawn, from each value of c as many.

    .. math:: \hat p(r_b|c) = \frac{p(r_b|c)}{B \, \frac1V \sum_{c'} p(r_b|c')}, \text{ normalized}

    Args:
        episodes: number of courses from each value of c.
    """

    episodes: int = 100

    def __post_init__(self) -> None:
        positive_int("episodes", self.episodes)

    def channel(self, course: Course, sites: Sequence[str]) -> Channel | None:
        """See :class:`Below`."""
        origin = torch.arange(course.values).repeat_interleave(self.episodes)
        state, going = ops.draw(course.begin.exp()[origin]), course.begun(len(origin))
        worth, tick, ended = course.log_prior.new_zeros(course.values), 0, list[Tensor]()
        while len(origin):
            worth = worth.index_add(0, origin, self._worth(course, state, tick))
            going = course.seen(going, ops.draw(course.outcomes.exp()[state]))
            over = course.over(going, tick)
            ended.append(ops.logsumexp(going.log_joint[over], -1))
            on = (~over).nonzero().squeeze(-1)
            origin, state, going = origin[on], state[on], going.taken(on)
            if len(on):
                action = ops.draw(course.choices(going, tick).exp())
                state = ops.draw(course.filter.transition[action, state])
                going = course.moved(going, action, torch.zeros_like(going.log_choice))
            tick += 1
        return Channel(tuple(sites), merged(_rows(torch.cat(ended))), worth / self.episodes)

    @staticmethod
    def _worth(course: Course, state: Tensor, tick: int) -> Tensor:
        value, forbidden = course.filter.worth(tick)
        return torch.where(forbidden > 0, -math.inf, value)[state].to(course.log_prior)


def _rows(told: Tensor) -> Tensor:
    """log p(r | c) ``(values, courses)`` of courses ``(courses, values)`` that were drawn."""
    rows = (told - ops.logsumexp(told, -1).unsqueeze(-1)).mT
    return rows - ops.logsumexp(rows, -1).unsqueeze(-1)
