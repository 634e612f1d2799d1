"""What the level above wishes of the one below: preferences and habits, member by member."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..compile import Wishes
from ..filters import ExactFilter, Filter, JointBelief
from ..filters.exact_context import Link
from ..planning import Planner
from ..records import Belief, ExpectedFreeEnergyTerms, PolicyPosterior

KEPT_FILTERS = 64


@dataclass(frozen=True)
class WishLinks:
    """Observation sites of one filter that another one's model names in ``prefer`` or ``habit``."""

    upper: ExactFilter
    lower: Filter
    preferences: tuple[str, ...]
    habit: tuple[str, ...]
    _kept: dict[bytes, ExactFilter] = field(default_factory=dict, repr=False)

    @classmethod
    def between(cls, lower: Filter, upper: ExactFilter) -> WishLinks:
        """The links by name; a level of real sites has wishes of its own alone."""
        preferred, usual = lower.wished if isinstance(lower, ExactFilter) else ((), ())
        shown = set(upper.observation_sites)
        preferences = tuple(name for name in preferred if name in shown)
        return cls(upper, lower, preferences, tuple(name for name in usual if name in shown))

    @property
    def names(self) -> tuple[str, ...]:
        """All linked sites."""
        return self.preferences + self.habit

    def plan(self, planner: Planner, belief: Belief, above: JointBelief) -> PolicyPosterior:
        """Plan under what the level above predicts at these sites, for each member of a batch."""
        parts = [Link(self.upper, [name]).down(above).detach() for name in self.names]
        if not parts or not isinstance(self.lower, ExactFilter):
            return planner(self.lower, belief)
        sizes = [part.shape[-1] for part in parts]
        rows = torch.cat(parts, -1).expand(*belief.batch_shape, -1).reshape(-1, sum(sizes))
        distinct, which = torch.unique(rows, dim=0, return_inverse=True)
        if len(distinct) == 1:
            return planner(self._wishing(distinct[0], sizes, self.lower), belief)
        flat = belief.reshape(len(rows))
        members = [(which == d).nonzero().squeeze(-1) for d in range(len(distinct))]
        found = [
            planner(self._wishing(row, sizes, self.lower), flat.take(index))
            for row, index in zip(distinct, members, strict=True)
        ]
        return together(found, members, belief.batch_shape)

    def _wishing(self, row: Tensor, sizes: Sequence[int], lower: ExactFilter) -> ExactFilter:
        key = row.cpu().numpy().tobytes()
        filter = self._kept.get(key)
        if filter is None:
            each = dict(zip(self.names, row.split(list(sizes)), strict=True))
            wishes = Wishes(_some(each, self.preferences), _some(each, self.habit))
            while len(self._kept) >= KEPT_FILTERS:
                self._kept.pop(next(iter(self._kept)), None)
            filter = self._kept[key] = lower.wishing(wishes)
        return filter


def _some(each: Mapping[str, Tensor], names: Sequence[str]) -> dict[str, Tensor]:
    return {name: each[name] for name in names}


def together(
    parts: Sequence[PolicyPosterior], members: Sequence[Tensor], batch: torch.Size
) -> PolicyPosterior:
    """Posteriors ``(members)`` over the same policies as one of the whole batch."""
    order = torch.cat(list(members)).argsort()

    def of(read: Callable[[PolicyPosterior], Tensor]) -> Tensor:
        rows = torch.cat([read(part) for part in parts])[order]
        return rows.reshape(*batch, *rows.shape[1:])

    sites = parts[0].nodes.sites
    return replace(
        parts[0],
        nodes=ExpectedFreeEnergyTerms(of(lambda part: part.nodes.values), sites),
        expected_free_energy=of(lambda part: part.expected_free_energy),
        probs=of(lambda part: part.probs),
        action_probs=of(lambda part: part.action_probs),
    )
