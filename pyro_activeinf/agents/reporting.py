"""What the policies of a level are scored with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .._checks import complain
from ..filters import ExactFilter, FactorizedBelief, FactorizedFilter, Filter, HiddenMarkovFilter
from ..filters.belief import JointBelief
from ..filters.context import Context
from ..filters.exact_context import ExactContext
from ..records import Belief
from .below import AsSeen
from .course import Course
from .level import Level


@dataclass
class Reporting:
    """The filter that a level is scored with: its own, or one whose linked sites are reports.

    Reports are those of exact filters: of the level's own, or of one of the same model. It is kept
    while no model changes.
    """

    level: Level
    own: Filter
    exact: ExactFilter | None = None  # of the same model, where reports are asked for
    under: Reporting | None = None  # of the level below; likewise
    context: ExactContext | None = None  # of the level below; likewise
    _made: tuple[tuple[object, ...], ExactFilter] | None = field(default=None, repr=False)

    def filter(self) -> Filter:
        """What a planner is given."""
        return self.own if self.under is None else self.scored()

    def scored(self) -> ExactFilter:
        """The same as an exact filter."""
        if self.exact is None:
            raise ValueError(complain("below", "a level with an exact filter", repr(self.own)))
        if self.under is None or self.context is None:
            return self.exact
        below = self.under.scored()
        key = self.exact.version, below, below.version
        if self._made is None or any(a is not b for a, b in zip(self._made[0], key, strict=True)):
            course = Course(self.under.level, self.context, below)
            channel = self.level.below.channel(course, self.context.names)
            self._made = (key, self.exact if channel is None else self.exact.through(channel))
        return self._made[1]

    def belief(self, belief: Belief) -> Belief:
        """A belief of the level, as one of that filter."""
        if self.under is None or not isinstance(belief, FactorizedBelief):
            return belief
        joint = belief.log_product(range(len(belief.sites)))
        return JointBelief(belief.step, belief.sites, log_probs_=joint)


def reportings(
    levels: Sequence[Level], filters: Sequence[Filter], contexts: Sequence[Context[Any, Any]]
) -> list[Reporting]:
    """How each level scores its policies, lowest first.

    Raises:
        ValueError: where reports are asked for of what is not discrete, or by the lowest level.
    """
    if not isinstance(levels[0].below, AsSeen):
        expected, got = "AsSeen(), for no level is below the lowest", repr(levels[0].below)
        way_out = "Give it to the level above: Level(model, planner, below=Enumerated())."
        raise ValueError(complain("levels[0].below", expected, got, way_out))
    found = [Reporting(levels[0], filters[0])]
    for i in range(1, len(levels)):
        found.append(Reporting(levels[i], filters[i]))
        if not isinstance(levels[i].below, AsSeen):
            under, above = found[-2:]
            under.exact, above.exact = (each.exact or _exact(i, each) for each in (under, above))
            above.under, names = under, contexts[i - 1].names
            above.context = ExactContext(under.exact, names)
    return found


def _exact(number: int, each: Reporting) -> ExactFilter:
    """The filter itself, or an exact one of the same model."""
    if isinstance(each.own, ExactFilter):
        return each.own
    cause: ValueError | None = None
    if isinstance(each.own, FactorizedFilter | HiddenMarkovFilter):
        try:
            return ExactFilter(each.own.model)
        except ValueError as error:
            cause = error
    expected = (
        "AsSeen(), or two neighbors of discrete sites with exact, factorized or hidden Markov "
        "filters"
    )
    way_out = "Leave `below` out, or take ExactFilter(model) at both levels."
    raise ValueError(
        complain(f"levels[{number}].below", expected, repr(each.own), way_out)
    ) from cause
