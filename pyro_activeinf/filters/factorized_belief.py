"""A belief that is a product of marginals, one for each state site."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution

from ..compile import Site
from ..records import Belief, FreeEnergyTerms
from .products import log_product, product


@dataclass(frozen=True)
class FactorizedUpdate:
    """How a product of marginals was fitted to an observation."""

    terms: FreeEnergyTerms  # each (*batch), nats
    trace: Tensor  # (*batch, 1 + sweeps): F at the start and after each sweep, nats
    sweeps: Tensor  # (*batch): how many it took until F fell no more; 0 where F is exact at once

    def map(self, move: Callable[[Tensor, int], Tensor]) -> FactorizedUpdate:
        """The same record with its batch dims rearranged."""
        terms = FreeEnergyTerms(
            move(self.terms.complexity, 0),
            move(self.terms.accuracy, 0),
            {name: move(value, 0) for name, value in self.terms.per_site.items()},
        )
        return FactorizedUpdate(terms, move(self.trace, 1), move(self.sweeps, 0))


@dataclass(frozen=True)
class FactorizedBelief(Belief):
    r"""q(s_t) = :math:`\prod_f q_f(s_f)`: the state sites are taken to be independent.

    Example:
        >>> sites = (Site("a", torch.arange(2)), Site("b", torch.arange(3)))
        >>> belief = FactorizedBelief(0, sites, torch.tensor([0.3, 0.7, 0.2, 0.2, 0.6]).log())
        >>> belief.marginals["b"].probs.round(decimals=3).tolist()
        [0.2, 0.2, 0.6]
    """

    sites: tuple[Site, ...]
    log_probs: Tensor  # (*batch, values of all the sites, one site after the other)
    updated: FactorizedUpdate | None = field(default=None, repr=False)
    gained: Tensor | None = None  # (*batch): novelty of the move that was predicted, in nats

    @property
    def batch_shape(self) -> torch.Size:
        """Shape of the batch of beliefs."""
        return self.log_probs.shape[:-1]

    @cached_property
    def factors(self) -> tuple[Tensor, ...]:
        """Log-probabilities of each site, ``(*batch, values)``, in nats."""
        return self.log_probs.split([site.size for site in self.sites], -1)

    @cached_property
    def probs(self) -> tuple[Tensor, ...]:
        """Probabilities of each site, ``(*batch, values)``."""
        return self.log_probs.exp().split([site.size for site in self.sites], -1)

    def product(self, factors: Sequence[int]) -> Tensor:
        """Probabilities of some sites' joint values, ``(*batch, joint)``."""
        if not factors:
            return self.log_probs.new_ones(*self.batch_shape, 1)
        return product([self.probs[f] for f in factors])

    def log_product(self, factors: Sequence[int]) -> Tensor:
        """Log-probabilities of some sites' joint values, ``(*batch, joint)``."""
        if not factors:
            return self.log_probs.new_zeros(*self.batch_shape, 1)
        return log_product([self.factors[f] for f in factors])

    @property
    def free_energy(self) -> Tensor:
        """F of the last update in nats, ``(*batch)``: a bound of -log p(o_t | o_{<t})."""
        return self.terms.complexity if self.updated is None else self.updated.trace[..., -1]

    @cached_property
    def terms(self) -> FreeEnergyTerms:
        """Complexity and accuracy of the last update in nats, each ``(*batch)``."""
        zero = self.log_probs.new_zeros(self.batch_shape)
        return FreeEnergyTerms(zero, zero) if self.updated is None else self.updated.terms

    @property
    def trace(self) -> Tensor:
        """F at the start of the last update and after each sweep, ``(*batch, 1 + sweeps)``.

        It never rises. Infinite for as long as the marginals contradict the observation. Empty
        for a belief that is only predicted.
        """
        if self.updated is None:
            return self.log_probs.new_zeros(*self.batch_shape, 0)
        return self.updated.trace

    @property
    def sweeps(self) -> Tensor:
        """Number of sweeps of the last update, ``(*batch)``."""
        if self.updated is None:
            return self.log_probs.new_zeros(self.batch_shape, dtype=torch.long)
        return self.updated.sweeps

    @cached_property
    def marginals(self) -> dict[str, Distribution]:
        """For each state site a ``Categorical`` over the positions in its support, ``(*batch)``."""
        pairs = zip(self.sites, self.probs, strict=True)
        return {site.name: dist.Categorical(probs=q) for site, q in pairs}

    def sample(self, n: int | Sequence[int] = ()) -> dict[str, Tensor]:
        """Draw states: site to tensor ``(*n, *batch, *event)``."""
        shape = (n,) if isinstance(n, int) else tuple(n)
        drawn: Mapping[str, Tensor] = {
            name: marginal.sample(torch.Size(shape)) for name, marginal in self.marginals.items()
        }
        return {site.name: site.support[drawn[site.name]] for site in self.sites}

    def _map(self, move: Callable[[Tensor, int], Tensor]) -> FactorizedBelief:
        updated = None if self.updated is None else self.updated.map(move)
        gained = None if self.gained is None else move(self.gained, 0)
        return replace(self, log_probs=move(self.log_probs, 1), updated=updated, gained=gained)
