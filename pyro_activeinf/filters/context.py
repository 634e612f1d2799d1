"""What a level of a hierarchy can do: take a prior from above, and give evidence up and down."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from .. import ops
from .._checks import complain
from ..compile import Site
from ..records import Belief

M = TypeVar("M")
B = TypeVar("B", bound=Belief)


@dataclass(frozen=True)
class Port:
    """A site by which two levels may meet: finitely many values, or real numbers of a shape."""

    name: str
    site: Site | None  # of finitely many values; None for a real one
    event: torch.Size  # event shape of a real one

    def fits(self, other: Port) -> bool:
        """Whether both stand for the same values."""
        if self.site is None or other.site is None:
            return self.site is other.site and self.event == other.event
        mine, theirs = self.site.support, other.site.support
        return mine.shape == theirs.shape and bool((mine == theirs).all())

    def __str__(self) -> str:
        return f"{self.site.size} values" if self.site else f"real numbers {tuple(self.event)}"


class Context(ABC, Generic[M, B]):
    """State sites of a filter that another model predicts, and messages about them.

    It is all that a hierarchy asks of the filter of a level. A *message* holds what was seen so
    far as a function of these sites, c: of each of their joint values (the last one varying
    fastest), or of real numbers. What kind of object that is, is the filter's own affair.

    A *likelihood* is a log-potential over the present state, as numbers ``(*batch, numbers)``
    that add where several things are seen, and are zero where nothing is.
    """

    names: tuple[str, ...]  # of the sites

    @property
    @abstractmethod
    def sites(self) -> tuple[Site, ...]:
        """The sites, in the order of their names; none where they are real."""

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
            The message with what is settled at once, the likelihood that remains for
            :meth:`see`, and likelihoods of each site by themselves, to be averaged by
            :meth:`expected`.
        """

    @abstractmethod
    def nothing(self, batch_shape: tuple[int, ...]) -> Tensor:
        """The likelihood of nothing."""

    @abstractmethod
    def see(self, message: M, log_likelihood: Tensor) -> M:
        """The message after something of a likelihood was seen."""

    @abstractmethod
    def choose(self, chosen: Tensor, new: M, old: M) -> M:
        """One message where something holds ``(*batch)``, the other elsewhere."""

    @abstractmethod
    def forget(self, message: M) -> M:
        """The message with evidence counted from now; asked only where no site is set."""

    @abstractmethod
    def evidence(self, message: M) -> Tensor:
        """log p(o_{0:t} | c) in nats, ``(*batch, values)``; of real sites its coefficients."""

    @abstractmethod
    def unset(self, batch_shape: tuple[int, ...] = ()) -> Tensor:
        """The prior message where no level is above."""

    @abstractmethod
    def belief(self, message: M, log_prior: Tensor, step: int) -> B:
        """q(s_t) under a prior message: log p(c) ``(*batch, values)``, or a mixture.

        Raises:
            ValueError: where all that was seen is impossible under the prior.
        """

    @abstractmethod
    def expected(self, belief: B, log_likelihood: Tensor) -> Tensor:
        """The expectation of a likelihood under a belief, ``(*batch)``, in nats."""


class Link(ABC):
    r"""Observation sites of a filter that another model's first state is made of.

    .. math::
        p(c) = E_{q(x)}[p(c|x)], \qquad \log p(o|x) = \log \int p(c|x) \, p(o|c) \, dc
    """

    names: tuple[str, ...]  # of the sites

    @abstractmethod
    def down(self, belief: Any) -> Tensor:
        """The prior message p(c) as predicted by a belief."""

    @abstractmethod
    def up(self, log_evidence: Tensor, message: Any = None) -> Tensor:
        """The likelihood p(o | x) of the own state, from the evidence below.

        Args:
            log_evidence: what :meth:`Context.evidence` of the level below tells.
            message: of the own level: before the present step is seen.
        """


class FiniteContext(Context[M, B]):
    """Sites of finitely many values: evidence and priors are a number for each joint value."""

    def unset(self, batch_shape: tuple[int, ...] = ()) -> Tensor:
        """Zero for the only value."""
        return torch.zeros_like(self.evidence(self.start(batch_shape)))


def weighed(log_evidence: Tensor, log_prior: Tensor, step: int) -> Tensor:
    """log q(c) ``(*batch, values)`` from evidence and a prior.

    Raises:
        ValueError: where all that was seen is impossible under the prior.
    """
    joint = log_evidence + log_prior.to(log_evidence)
    total = ops.logsumexp(joint, -1)
    if bool((total == -math.inf).any()):
        raise impossible_from_above(step)
    return joint - total.unsqueeze(-1)


class ImpossibleObservation(ValueError):
    """What was seen has probability zero under what the level above predicts."""


def impossible_from_above(step: int) -> ImpossibleObservation:
    """The error for what cannot have been seen under what the level above predicts."""
    return ImpossibleObservation(
        complain(
            "observation",
            "one of positive probability under what the level above predicts",
            f"one of probability 0 at time step {step}",
            "The beliefs are unchanged. Give likelihoods or links some noise.",
        )
    )


def per_value(action: Any, controls: int, event: int = 0) -> Any:
    """An action ``(*batch, *event)`` for each value of c, ``(*batch, 1, *event)``.

    Example:
        >>> tuple(per_value(torch.zeros(4), 1).shape), per_value(2, 1).shape
        ((4, 1), torch.Size([]))
    """
    if action is None:
        return None
    tensor = torch.as_tensor(action)
    own = 1 if controls > 1 else event
    return tensor.unsqueeze(tensor.dim() - own) if tensor.dim() > own else tensor


def clamped(sites: Sequence[Site]) -> list[Tensor]:
    """Positions of each site at every joint value of all, ``(values)``; the last one fastest."""
    count = math.prod(site.size for site in sites)
    return ops.unravel(torch.arange(count), [site.size for site in sites])
