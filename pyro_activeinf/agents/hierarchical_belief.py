"""What all levels believe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..records import Belief, FreeEnergyTerms, LevelMessages


@dataclass(frozen=True)
class HierarchicalBelief:
    """What all levels believe, lowest first, and the free energy of the last observation."""

    levels: tuple[Belief, ...]
    terms: FreeEnergyTerms  # (*batch), nats: sites are called f"level{i}/{site}", 1 = lowest
    messages: Mapping[int, LevelMessages]  # of each level (1 = lowest) with the one above

    @property
    def step(self) -> int:
        """The time step of the lowest level since it began."""
        return self.levels[0].step

    @property
    def batch_shape(self) -> torch.Size:
        """Shape of the batch of beliefs."""
        return self.levels[0].batch_shape

    @property
    def free_energy(self) -> Tensor:
        """F_total = sum of F_i over levels, ``(*batch)``, in nats."""
        return self.terms.total

    @property
    def marginals(self) -> dict[str, torch.distributions.Distribution]:
        """A distribution for each state site of each level, ``f"level{i}/{site}"``."""
        return {
            f"level{i}/{name}": marginal
            for i, belief in enumerate(self.levels, 1)
            for name, marginal in belief.marginals.items()
        }


def level_terms(
    surprise: Sequence[Tensor], accuracy: Mapping[int, Mapping[str, Tensor]]
) -> FreeEnergyTerms:
    """F of each level, and the accuracy of each site of each, as terms."""
    zero = torch.zeros_like(surprise[0])
    per_site = {
        f"level{i + 1}/{name}": value
        for i, part in accuracy.items()
        for name, value in part.items()
    }
    complexity = {
        f"level{i + 1}/state": F + sum(accuracy.get(i, {}).values(), zero)
        for i, F in enumerate(surprise)
    }
    return FreeEnergyTerms(
        sum(complexity.values(), zero), sum(per_site.values(), zero), per_site, complexity
    )
