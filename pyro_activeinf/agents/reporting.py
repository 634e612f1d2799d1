"""What the policies of a level are scored with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .._checks import complain
from ..filters import ExactFilter, Filter
from ..filters.context import Context
from ..filters.exact_context import ExactContext
from .below import AsSeen
from .course import Course
from .level import Level


@dataclass
class Reporting:
    """The filter that a level is scored with: its own, or one whose linked sites are reports.

    It is kept while no model changes.
    """

    level: Level
    own: Filter
    lower: Level | None = None
    context: ExactContext | None = None  # of the level below, where reports are asked for
    under: Reporting | None = None  # of the level below
    _made: tuple[tuple[object, ...], ExactFilter] | None = field(default=None, repr=False)

    def filter(self) -> Filter:
        """What a planner is given."""
        if self.lower is None or self.context is None or self.under is None:
            return self.own
        own, below = self.own, self.under.filter()
        if not isinstance(own, ExactFilter) or not isinstance(below, ExactFilter):
            return own
        key = own.version, below, below.version
        if self._made is None or any(a is not b for a, b in zip(self._made[0], key, strict=True)):
            course = Course(self.lower, self.context, below)
            channel = self.level.below.channel(course, self.context.names)
            self._made = (key, own if channel is None else own.through(channel))
        return self._made[1]


def reportings(
    levels: Sequence[Level], filters: Sequence[Filter], contexts: Sequence[Context[Any, Any]]
) -> list[Reporting]:
    """How each level scores its policies, lowest first.

    Raises:
        ValueError: where reports are asked for of filters that are not exact.
    """
    found = [Reporting(levels[0], filters[0])]
    for i in range(1, len(levels)):
        level, both = levels[i], filters[i - 1 : i + 1]
        if isinstance(level.below, AsSeen):
            found.append(Reporting(level, filters[i]))
            continue
        context = contexts[i - 1]
        exact = all(isinstance(filter, ExactFilter) for filter in both)
        if not exact or not isinstance(context, ExactContext):
            expected = "AsSeen(), or two neighbors with exact filters"
            raise ValueError(complain(f"levels[{i}].below", expected, repr(level.below)))
        found.append(Reporting(level, filters[i], levels[i - 1], context, found[-1]))
    return found
