"""Beliefs, and evidence that is itself uncertain."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.distributions import Distribution

from .free_energy import FreeEnergyTerms


@dataclass(frozen=True)
class SoftObservation:
    """Evidence that is itself uncertain: a likelihood for each value of an observation site.

    The evidence that a state receives is ``sum_o exp(log_likelihood[o]) p(o|s)`` (Pearl's virtual
    evidence): a one-hot likelihood is an ordinary observation, a constant one is a missing one.
    """

    log_likelihood: Tensor  # (*batch, values of the site)


@dataclass(frozen=True)
class Reshaped:
    """Reshapes the batch dims of a tensor."""

    batch: tuple[int, ...]

    def __call__(self, x: Tensor, event: int) -> Tensor:
        """``(*old batch, *event)`` to ``(*batch, *event)``."""
        return x.reshape((*self.batch, *x.shape[x.dim() - event :]))


@dataclass(frozen=True)
class Taken:
    """Picks entries of the last batch dim of a tensor."""

    index: Tensor  # (n,)

    def __call__(self, x: Tensor, event: int) -> Tensor:
        """``(*batch, m, *event)`` to ``(*batch, n, *event)``."""
        return x.index_select(-1 - event, self.index)


@dataclass(frozen=True)
class Belief(ABC):
    """q(s_t): what an agent believes about the state at one time step."""

    step: int  # the time index t that the belief is about

    @property
    @abstractmethod
    def batch_shape(self) -> torch.Size:
        """Shape of the batch of beliefs."""

    @property
    @abstractmethod
    def free_energy(self) -> Tensor:
        """F of the last update in nats, ``(*batch)``; 0 for a belief that is only predicted."""

    @property
    @abstractmethod
    def terms(self) -> FreeEnergyTerms:
        """Complexity and accuracy of the last update in nats, each ``(*batch)``."""

    @property
    @abstractmethod
    def marginals(self) -> dict[str, Distribution]:
        """A distribution for each state site, with batch shape ``(*batch)``."""

    @abstractmethod
    def sample(self, n: int | Sequence[int] = ()) -> dict[str, Tensor]:
        """Draw states jointly: site to tensor ``(*n, *batch, *event)``."""

    def reshape(self, *batch: int) -> Self:
        """The same beliefs with their batch dims reshaped."""
        return self._map(Reshaped(batch))

    def take(self, index: Tensor) -> Self:
        """Beliefs picked along the last batch dim by ``index`` of shape ``(n,)``."""
        return self._map(Taken(index))

    @abstractmethod
    def _map(self, move: Callable[[Tensor, int], Tensor]) -> Self:
        """Apply ``move(tensor, event dims)`` to every tensor of the belief."""
