"""What every filter does: carry a belief through time, and say what it expects to see."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor

from .._checks import complain
from ..compile import Wishes
from ..records import Belief, ExpectedFreeEnergyTerms, PrefixTerms
from .novelty_rules import TableNovelty


class Filter(ABC):
    """The recursion that carries a belief: predict with an action, update with an observation.

    A filter holds no belief of its own: beliefs are records that go in and come out, batched over
    any leading dims, so that a call that raises has changed nothing.
    """

    actions: gym.Space[Any] | None
    observation_sites: tuple[str, ...]
    reason: str = "It was chosen by hand."  # else the sentence of filters.auto

    @abstractmethod
    def initial(self, batch_shape: tuple[int, ...] = ()) -> Belief:
        """p(s_0), before the first observation."""

    @abstractmethod
    def predict(self, belief: Belief, action: Any) -> Belief:
        """q(s_t | o_{<t}, u_{<t}) from q(s_{t-1}); actions broadcast against the batch."""

    @abstractmethod
    def update(self, belief: Belief, observation: Mapping[str, Any]) -> Belief:
        """q(s_t | o_{<=t}) by a minimum of variational free energy."""

    @abstractmethod
    def expected_free_energy(self, belief: Belief) -> ExpectedFreeEnergyTerms:
        """Terms of one predicted step: of the outcomes at ``belief.step``, in nats."""

    @abstractmethod
    def look_ahead(self, belief: Belief) -> ExpectedFreeEnergyTerms:
        """Terms of the next step under every action, ``(*batch, actions)``, in nats.

        Actions of several controls are flattened, the last control fastest.
        """

    @property
    @abstractmethod
    def scoring_bytes(self) -> int:
        """Memory that predicting and scoring one belief takes: what planners chunk by."""

    @property
    @abstractmethod
    def dtype(self) -> torch.dtype:
        """Floating type of the beliefs."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Device of the beliefs: that of the model."""

    @abstractmethod
    def habit(self) -> Mapping[str, Tensor]:
        """Log-probabilities of the model's habit: of ``action`` sites or of ``policy``."""


class SweepingFilter(Filter):
    """A filter that can score whole trees of actions at once."""

    @abstractmethod
    def sweep(self, belief: Belief, prefixes: Any) -> PrefixTerms | None:
        """Terms of every prefix of a tree of actions, ``(*batch, prefixes)``, in nats.

        Shorter prefixes come first. ``None`` where it is better to go step by step.
        """


class WishingFilter(Filter):
    """A filter whose preferences and habits may be given from outside."""

    @property
    @abstractmethod
    def wishes(self) -> Wishes:
        """What was given, in place of what the model says."""

    @property
    @abstractmethod
    def wished(self) -> tuple[list[str], list[str]]:
        """Names of the sites that the model prefers something of, and of those of its habit."""

    @abstractmethod
    def wishing(self, wishes: Wishes) -> WishingFilter:
        """The same filter with other preferences and habits; what was compiled is shared.

        Raises:
            ValueError: for a site of which the model wishes nothing, or other values.
        """


class PolicyScoring(Filter):
    """A filter that scores whole policies by itself, faster than step by step."""

    @abstractmethod
    def score(self, belief: Belief, policies: Tensor) -> ExpectedFreeEnergyTerms:
        """Terms of each step of each policy, ``(*batch, policies, time)``, in nats.

        Args:
            belief: batched ``(*batch)``.
            policies: ``(policies, time, *event)``, or ``(*batch, policies, time, *event)``.
        """


@dataclass(frozen=True)
class Branches:
    """What may be seen from some beliefs, and what one would believe then: a sparse list."""

    parents: Tensor  # (branches,): index of the belief that branches
    probs: Tensor  # (branches,): probability of the outcome under it
    packed: Tensor  # (branches, numbers): the belief after the outcome
    cut: Tensor  # (beliefs,): probability of the outcomes that were left out


class BranchingFilter(Filter):
    """A filter whose outcomes can be enumerated, and whose beliefs fit into a row of numbers."""

    @abstractmethod
    def branch(self, belief: Belief, threshold: float) -> Branches:
        """Every joint outcome of more than ``threshold`` probability, for beliefs ``(n,)``."""

    @abstractmethod
    def pack(self, belief: Belief, predicted: bool = False) -> Tensor:
        """Beliefs ``(*batch)`` as numbers ``(*batch, numbers)`` that are equal where they are.

        With what the prediction itself is worth, where asked for: the novelty of a move.
        """

    @abstractmethod
    def unpack(self, packed: Tensor, step: int) -> Belief:
        """The beliefs that :meth:`pack` wrote, about a time step."""

    @property
    @abstractmethod
    def stationary(self) -> bool:
        """Whether preferences are the same at every time step."""

    @property
    @abstractmethod
    def version(self) -> object:
        """An object that is another one whenever the model has changed."""


def require_programs(model: object, novelty: object = None) -> None:
    """Raise ``TypeError`` unless a filter of tables can take a model and a rule of novelty."""
    if isinstance(model, type) or not hasattr(model, "transition"):
        expected = "a model with initial, transition and observe"
        way_out = "Hand in an instance: ExactFilter(TMaze())."
        raise TypeError(complain("model", expected, repr(model), way_out))
    if not isinstance(novelty, TableNovelty | None):
        expected = "MutualInformation() or InverseCounts()"
        raise TypeError(complain("novelty", expected, repr(novelty)))


def require_belief(belief: object, kind: type[Any]) -> None:
    """Raise ``TypeError`` unless a belief is of the kind that a filter carries."""
    if not isinstance(belief, kind):
        raise TypeError(
            complain("belief", f"a {kind.__name__}", repr(belief), "Begin with filter.initial().")
        )
