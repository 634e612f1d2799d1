"""What the level above wishes of the one below: preferences and habits, member by member."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from .._checks import complain
from ..compile import Wishes, wished_sites
from ..compile.wishes import Wish
from ..filters import Filter
from ..filters.base import WishingFilter
from ..filters.context import Port
from ..filters.faces import link_of, settable, shown
from ..filters.families import families
from ..planning import Planner
from ..records import Belief, PolicyPosterior
from .densities import density
from .level import Level
from .members import alike, together

KEPT_FILTERS = 64


@dataclass(frozen=True)
class WishLinks:
    """Observation sites of one filter that another one's model names in ``prefer`` or ``habit``."""

    upper: Filter
    lower: Filter
    preferences: tuple[str, ...]
    habit: tuple[str, ...]
    _kept: dict[tuple[int, bytes], WishingFilter] = field(default_factory=dict, repr=False)

    @classmethod
    def between(cls, number: int, level: Level, lower: Filter, upper: Filter) -> WishLinks:
        """The links by name of a level with that above it, which has a number (0 = lowest).

        Raises:
            ValueError: for a site by which nothing can be wished.
        """
        preferred, usual = lower.wished if isinstance(lower, WishingFilter) else ([], [])
        names = shown(upper)
        preferences, habit = (tuple(n for n in each if n in names) for each in (preferred, usual))
        found = cls(upper, lower, preferences, habit)
        known = wished_sites(level.model, range(level.steps_per_update + 1))
        lost = sorted((known & names.keys()) - {*found.names} - settable(lower).keys())
        if lost:
            raise _lost(number, level, lower, lost)
        found.require_fit(number)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """All linked sites."""
        return self.preferences + self.habit

    @cached_property
    def ports(self) -> dict[str, Port]:
        """What each of them is like."""
        every = shown(self.upper)
        return {name: every[name] for name in self.names}

    def require_fit(self, number: int) -> None:
        """Raise ``ValueError`` where the level below cannot take what this one predicts."""
        if not self.names or not isinstance(self.lower, WishingFilter):
            return
        try:
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                each = self._predicted(self.upper.initial())
                other = self._made(torch.cat(each, -1), [len(part) for part in each], self.lower)
                other.expected_free_energy(self.lower.initial())
        except ValueError as error:
            expected = f"sites {list(self.names)} that fit what the level below wishes"
            raise ValueError(
                complain(f"levels[{number}]", expected, f"this: {error}".rstrip("."))
            ) from error

    def plan(
        self, planner: Planner, scored: Filter, belief: Belief, above: Belief
    ) -> PolicyPosterior:
        """Plan under what the level above predicts at these sites, for each member of a batch."""
        if not self.names or not isinstance(scored, WishingFilter):
            return planner(scored, belief)
        parts = self._predicted(above)
        sizes = [part.shape[-1] for part in parts]
        rows = torch.cat(parts, -1).expand(*belief.batch_shape, -1).reshape(-1, sum(sizes))
        members = alike(rows)
        if len(members) == 1:
            return planner(self._wishing(rows[0], sizes, scored), belief)
        flat = belief.reshape(len(rows))
        found = [
            planner(self._wishing(rows[index[0]], sizes, scored), flat.take(index))
            for index in members
        ]
        return together(found, members, belief.batch_shape)

    def _predicted(self, above: Belief) -> list[Tensor]:
        """What is predicted at each site, ``(*batch, numbers)``."""
        parts = [link_of(self.upper, [name]).down(above) for name in self.names]
        real = [self.ports[name].site is None for name in self.names]
        flat = [part.flatten(-2) if r else part for part, r in zip(parts, real, strict=True)]
        return [part.to(self.lower.dtype) for part in flat]

    def _wishing(self, row: Tensor, sizes: Sequence[int], lower: WishingFilter) -> WishingFilter:
        if row.requires_grad:  # of this belief above, whose graph is to be let go of
            return self._made(row, sizes, lower)
        key = id(lower), row.cpu().numpy().tobytes()
        filter = self._kept.get(key)
        if filter is None:
            while len(self._kept) >= KEPT_FILTERS:
                self._kept.pop(next(iter(self._kept)), None)
            filter = self._kept[key] = self._made(row, sizes, lower)
        return filter

    def _made(self, row: Tensor, sizes: Sequence[int], lower: WishingFilter) -> WishingFilter:
        parts = zip(self.names, row.split(list(sizes)), strict=True)
        each = {name: self._wish(name, numbers) for name, numbers in parts}
        return lower.wishing(Wishes(_some(each, self.preferences), _some(each, self.habit)))

    def _wish(self, name: str, numbers: Tensor) -> Wish:
        port = self.ports[name]
        if port.site is not None:
            return numbers
        k = port.event.numel()
        return density(name, numbers.reshape(-1, 1 + k + k * k), port.event)


def _some(each: dict[str, Wish], names: Iterable[str]) -> dict[str, Wish]:
    return {name: each[name] for name in names}


def _lost(number: int, level: Level, lower: Filter, names: list[str]) -> ValueError:
    held = families(level.model).states
    states = [name for name in names if name in held]
    if states:
        expected = f"observation sites of the level below, to be wished of, not its states {states}"
        way_out = "Prefer something of an observation site there, or give the site another name."
        return ValueError(complain(f"levels[{number}]", expected, states, way_out))
    if isinstance(lower, WishingFilter) and any(lower.wished):
        expected = f"a `prefer` that samples {names} at every step, as a level above sets them"
        return ValueError(complain(f"levels[{number - 1}].model", expected, "at some steps only"))
    expected = f"a filter that takes wishes from above, which sets {names} of prefer or habit"
    way_out = (
        "Take an exact, factorized, hidden Markov, particle or Gaussian filter, or a Bank of them; "
        "or give the site of the level above another name."
    )
    return ValueError(complain(f"levels[{number - 1}].filter", expected, repr(lower), way_out))
