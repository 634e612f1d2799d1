"""What a level above sets: hypotheses about the first state, and the evidence for each."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from torch import Tensor

from ..compile import Site
from ..records import Belief

M = TypeVar("M")
B_co = TypeVar("B_co", bound=Belief, covariant=True)


class Context(ABC, Generic[M, B_co]):
    """State sites of a filter that another model predicts, and messages about them.

    A *message* holds what was seen so far for every joint value c of these sites (the last one
    varying fastest). What kind of object that is, is the filter's own affair.
    """

    names: tuple[str, ...]  # of the sites

    @property
    @abstractmethod
    def sites(self) -> tuple[Site, ...]:
        """The sites, in the order of their names."""

    @property
    def size(self) -> int:
        """Number of joint values."""
        return math.prod(site.size for site in self.sites)

    @abstractmethod
    def start(self, batch_shape: tuple[int, ...] = ()) -> M:
        """Nothing was seen yet."""

    @abstractmethod
    def move(self, message: M, action: Any = None) -> M:
        """The message after an action ``(*batch)``."""

    @abstractmethod
    def look(
        self, message: M, observation: Mapping[str, Any]
    ) -> tuple[M, Tensor, dict[str, Tensor]]:
        """What an observation tells.

        Returns:
            The message with what is settled at once, the likelihood ``(*batch, states)`` that
            remains for :meth:`see`, and log-likelihoods of each site by themselves, to be
            averaged under the belief.
        """

    @abstractmethod
    def nothing(self, batch_shape: tuple[int, ...]) -> Tensor:
        """The likelihood ``(*batch, states)`` of nothing."""

    @abstractmethod
    def see(self, message: M, log_likelihood: Tensor) -> M:
        """The message after something of likelihood ``(*batch, states)`` was seen."""

    @abstractmethod
    def choose(self, chosen: Tensor, new: M, old: M) -> M:
        """One message where something holds ``(*batch)``, the other elsewhere."""

    @abstractmethod
    def evidence(self, message: M) -> Tensor:
        """log p(o_{0:t} | c), ``(*batch, values)``, in nats."""

    @abstractmethod
    def belief(self, message: M, log_prior: Tensor, step: int) -> B_co:
        """q(s_t) under log p(c) ``(*batch, values)``.

        Raises:
            ValueError: where all that was seen is impossible under the prior.
        """
