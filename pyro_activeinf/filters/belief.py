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

    log_prior: Tensor  # (*batch, states)
    log_likelihood: Mapping[
        str, Tensor
    ]  # of each observed site (or linked sites): (*batch, states)

    def map(self, move: Callable[[Tensor], Tensor]) -> Evidence:
        """The same evidence with its batch dims rearranged."""
        moved = {name: move(value) for name, value in self.log_likelihood.items()}
        return Evidence(move(self.log_prior), moved)


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
    log_evidence: Tensor | None = None  # (*batch): log p(o_t | o_{<t}) of the last update
    evidence: Evidence | None = field(default=None, repr=False)

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

    @property
    def batch_shape(self) -> torch.Size:
        """Shape of the batch of beliefs."""
        held = self.log_probs if self.probs_ is None else self.probs_
        return held.shape[:-1]

    def _map(self, move: Callable[[Tensor, int], Tensor]) -> JointBelief:
        return replace(
            self,
            probs_=None if self.probs_ is None else move(self.probs_, 1),
            log_probs_=None if self.log_probs_ is None else move(self.log_probs_, 1),
            log_evidence=None if self.log_evidence is None else move(self.log_evidence, 0),
            evidence=self.evidence and self.evidence.map(lambda tensor: move(tensor, 1)),
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of values of each state site."""
        return tuple(site.size for site in self.sites)

    @property
    def free_energy(self) -> Tensor:
        """F of the last update in nats, ``(*batch)``: exactly -log p(o_t | o_{<t})."""
        if self.log_evidence is None:
            return self.probs.new_zeros(self.batch_shape)
        return -self.log_evidence

    @cached_property
    def terms(self) -> FreeEnergyTerms:
        """Complexity and accuracy of the last update in nats, each ``(*batch)``."""
        zero = self.probs.new_zeros(self.batch_shape)
        if self.evidence is None:
            return FreeEnergyTerms(zero, zero)
        accuracy = {
            name: ops.exp_dot(self.log_probs, log_likelihood)
            for name, log_likelihood in self.evidence.log_likelihood.items()
        }
        complexity = ops.kl(self.log_probs, self.evidence.log_prior)
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
