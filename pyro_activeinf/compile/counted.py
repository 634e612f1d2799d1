"""A categorical distribution that knows which row of which counts it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyro.distributions as dist
import torch
from torch import Tensor


class Counted(Protocol):
    """A table of probabilities with Dirichlet counts."""

    @property
    def counts(self) -> Tensor:
        """Concentrations, ``(*parents, size)``."""


class CountedCategorical(dist.Categorical):
    """A ``Categorical`` whose probabilities are rows of a table with counts.

    Args:
        probs: ``(*batch, size)``.
        owner: the table.
        rows: position of each distribution's row among the rows of the table, ``(*batch)``.
    """

    def __init__(self, probs: Tensor, owner: Counted, rows: Tensor) -> None:
        super().__init__(probs=probs)
        self.owner, self.rows = owner, rows

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> CountedCategorical:
        """The same rows over a larger batch."""
        batch = torch.Size(batch_shape)
        return CountedCategorical(
            self.probs.expand(*batch, -1), self.owner, self.rows.expand(batch)
        )


@dataclass(frozen=True)
class Source:
    """Which rows of a table with counts a compiled table was read from."""

    owner: Counted
    rows: Tensor  # (*parents of the compiled table)

    @property
    def counts(self) -> Tensor:
        """The counts behind each row of the compiled table, ``(*parents, size)``."""
        counts = self.owner.counts
        return counts.reshape(-1, counts.shape[-1])[self.rows]
