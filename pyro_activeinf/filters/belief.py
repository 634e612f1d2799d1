"""A belief over the joint state, held as probabilities or log-probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution

from .. import ops
from ..compile import Site
from ..records import Belief, FreeEnergyTerms


@dataclass(frozen=True)
class Evidence:
    """What a belief was updated with: kept to tell complexity from accuracy."""

    prior: Tensor  # (*batch, states)
    likelihood: Mapping[str, Tensor]  # of each observed site (or linked sites): (*batch, states)
    evidence: Tensor  # (*batch): p(o_t | o_{<t})
    in_logs: bool = True  # whether all of these are logarithms

    def log(self, tensor: Tensor) -> Tensor:
        """One of these as a logarithm."""
        return tensor if self.in_logs else ops.log(tensor)

    def map(self, move: Callable[[Tensor, int], Tensor]) -> Evidence:
        """The same evidence with its batch dims, spelled out for all, rearranged."""
        batch = self.evidence.shape
        moved = {name: move(value.expand(*batch, -1), 1) for name, value in self.likelihood.items()}
        prior = move(self.prior.expand(*batch, -1), 1)
        return Evidence(prior, moved, move(self.evidence, 0), self.in_logs)


@dataclass(frozen=True)
class JointBelief(Belief):
    """q(s_t) over every combination of the state sites, the last site varying fastest.

    Example:
        >>> sites = (Site("a", torch.arange(2)), Site("b", torch.arange(2)))
        >>> belief = JointBelief(0, sites, probs_=torch.tensor([0.1, 0.2, 0.3, 0.4]))
        >>> belief.marginals["a"].probs.round(decimals=3).tolist()
        [0.3, 0.7]
    """

    sites: tuple[Site, ...]
    probs_: Tensor | None = None  # (*batch, states): one of the two is given
    log_probs_: Tensor | None = None  # (*batch, states)
    evidence: Evidence | None = field(default=None, repr=False)
    floor: float | None = None  # no positive probability has a smaller logarithm; where known
    gained: Tensor | None = None  # (*batch): novelty of the move that was predicted, in nats

    @property
    def probs(self) -> Tensor:
        """Probabilities of the joint states, ``(*batch, states)``."""
        if self.probs_ is not None:
            return self.probs_
        return self._kept("probs", self.log_probs.exp)

    @property
    def log_probs(self) -> Tensor:
        """Log-probabilities of the joint states in nats, ``(*batch, states)``."""
        if self.log_probs_ is not None:
            return self.log_probs_
        return self._kept("log_probs", lambda: ops.log(self.probs))

    def _kept(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """Compute once; without the lock of ``cached_property``, which two threads could cross."""
        held: dict[str, Tensor] = vars(self)
        found = held.get(name)
        if found is None:
            found = held[name] = make()
        return found

    def smallest(self) -> float:
        """The logarithm of the smallest positive probability, in nats."""
        log_probs = ops.log(self.probs) if self.log_probs_ is None else self.log_probs_
        return float(ops.smallest_log(log_probs.detach()))

    def outlasts(self, change: float) -> float | None:
        """The floor after a change of ``change`` nats; ``None`` where probabilities underflow."""
        floor = self.floor
        least = ops.least_log(self._held.dtype)
        if floor is None or floor + change < least:
            floor = self.smallest()
        return floor + change if floor + change >= least else None

    @property
    def _held(self) -> Tensor:
        return self.log_probs if self.probs_ is None else self.probs_

    @property
    def batch_shape(self) -> torch.Size:
        """Shape of the batch of beliefs."""
        return self._held.shape[:-1]

    def _map(self, move: Callable[[Tensor, int], Tensor]) -> JointBelief:
        return replace(
            self,
            probs_=None if self.probs_ is None else move(self.probs_, 1),
            log_probs_=None if self.log_probs_ is None else move(self.log_probs_, 1),
            evidence=self.evidence and self.evidence.map(move),
            gained=None if self.gained is None else move(self.gained, 0),
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of values of each state site."""
        return tuple(site.size for site in self.sites)

    @property
    def free_energy(self) -> Tensor:
        """F of the last update in nats, ``(*batch)``: exactly -log p(o_t | o_{<t})."""
        if self.evidence is None:
            return self.probs.new_zeros(self.batch_shape)
        return -self.evidence.log(self.evidence.evidence)

    @cached_property
    def terms(self) -> FreeEnergyTerms:
        """Complexity and accuracy of the last update in nats, each ``(*batch)``."""
        zero = self.probs.new_zeros(self.batch_shape)
        if self.evidence is None:
            return FreeEnergyTerms(zero, zero)
        log = self.evidence.log
        accuracy = {
            name: ops.exp_dot(self.log_probs, log(likelihood))
            for name, likelihood in self.evidence.likelihood.items()
        }
        complexity = ops.kl(self.log_probs, log(self.evidence.prior))
        return FreeEnergyTerms(complexity, sum(accuracy.values(), zero), accuracy)

    @cached_property
    def marginals(self) -> dict[str, Distribution]:
        """For each state site a ``Categorical`` over the positions in its support, ``(*batch)``."""
        joint = self.probs.unflatten(-1, self.sizes)
        batch = len(self.batch_shape)
        found: dict[str, Distribution] = {}
        for i, site in enumerate(self.sites):
            others = [batch + j for j in range(len(self.sites)) if j != i]
            found[site.name] = dist.Categorical(probs=joint.sum(others) if others else joint)
        return found

    def sample(self, n: int | Sequence[int] = ()) -> dict[str, Tensor]:
        """Draw states jointly: site to tensor ``(*n, *batch, *event)``."""
        shape = (n,) if isinstance(n, int) else tuple(n)
        index = torch.distributions.Categorical(probs=self.probs).sample(shape)
        each = ops.unravel(index, self.sizes)
        return {site.name: site.support[i] for site, i in zip(self.sites, each, strict=True)}
