"""What the level above wishes of the one below: preferences and habits, member by member."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..compile import Wishes
from ..filters import Filter
from ..filters.base import WishingFilter
from ..filters.faces import link_of, shown
from ..planning import Planner
from ..records import Belief, PolicyPosterior
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
    def between(cls, lower: Filter, upper: Filter) -> WishLinks:
        """The links by name; wishes about real sites are a level's own."""
        preferred, usual = lower.wished if isinstance(lower, WishingFilter) else ((), ())
        names = {port.name for port in shown(upper).values() if port.site}
        preferences = tuple(name for name in preferred if name in names)
        return cls(upper, lower, preferences, tuple(name for name in usual if name in names))

    @property
    def names(self) -> tuple[str, ...]:
        """All linked sites."""
        return self.preferences + self.habit

    def plan(
        self, planner: Planner, scored: Filter, belief: Belief, above: Belief
    ) -> PolicyPosterior:
        """Plan under what the level above predicts at these sites, for each member of a batch."""
        parts = [
            link_of(self.upper, [name]).down(above).to(self.lower.dtype) for name in self.names
        ]
        if not parts or not isinstance(scored, WishingFilter):
            return planner(scored, belief)
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
        each = dict(zip(self.names, row.split(list(sizes)), strict=True))
        return lower.wishing(Wishes(_some(each, self.preferences), _some(each, self.habit)))


def _some(each: Mapping[str, Tensor], names: Sequence[str]) -> dict[str, Tensor]:
    return {name: each[name] for name in names}
