"""Processes that learn together, each with its share of every batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from torch import Tensor

from .batches import Batches


class Ranks(ABC):
    """What processes have to agree on."""

    rank: int
    count: int

    @property
    def first(self) -> bool:
        """Whether this process shows progress and writes files."""
        return self.rank == 0

    @abstractmethod
    def begin(self) -> None:
        """Random generators of all are from now on those of rank 0."""

    @abstractmethod
    def batches(self, whole: Batches, model: Any) -> Batches:
        """This process's share of batches."""

    @abstractmethod
    def require_same(self, leaves: Iterable[Tensor]) -> None:
        """Raise ``ValueError`` where parameters differ between processes."""

    @abstractmethod
    def share(self, loss: Any, leaves: Iterable[Tensor]) -> Any:
        """The mean of the loss; gradients of the leaves become their means."""

    @abstractmethod
    def any(self, flag: bool) -> bool:
        """Whether it holds for some process."""

    @abstractmethod
    def wait(self) -> None:
        """Until all are here."""


class Alone(Ranks):
    """A single process."""

    rank, count = 0, 1

    def begin(self) -> None:
        """Nothing to agree on."""

    def batches(self, whole: Batches, model: Any) -> Batches:
        """All of them."""
        return whole

    def require_same(self, leaves: Iterable[Tensor]) -> None:
        """They are."""

    def share(self, loss: Any, leaves: Iterable[Tensor]) -> Any:
        """As it is."""
        return loss

    def any(self, flag: bool) -> bool:
        """As it is."""
        return flag

    def wait(self) -> None:
        """For nobody."""
