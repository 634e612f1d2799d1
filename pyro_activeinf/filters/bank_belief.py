"""A belief for each value of some sites, and how probable each value is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution

from .. import ops
from .._checks import complain
from ..compile import Site
from ..records import Belief, FreeEnergyTerms

Move = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class BankBelief(Belief):
    r"""q(c, s_t) = q(c) q(s_t | c), where c are sites of finitely many values.

    With exact members it is the exact posterior: a mixture of Gaussians, for example.
    """

    sites: tuple[Site, ...]  # c, the last one varying fastest
    log_probs: Tensor  # (*batch, values): log q(c)
    members: tuple[Belief, ...]  # q(s_t | c) of each value: (*batch)
    surprise: Tensor | None = field(default=None, repr=False)  # (*batch): F of the last update

    @property
    def batch_shape(self) -> torch.Size:
        """Shape of the batch of beliefs."""
        return self.log_probs.shape[:-1]

    @property
    def free_energy(self) -> Tensor:
        """F of the last update in nats, ``(*batch)``: -log p(o_t | o_{<t})."""
        if self.surprise is None:
            return self.log_probs.new_zeros(self.batch_shape)
        return self.surprise

    def mean(self, of_members: Sequence[Tensor]) -> Tensor:
        """Expectation over c of a number ``(*batch)`` for each value."""
        return ops.exp_dot(self.log_probs, torch.stack(list(of_members), -1))

    @property
    def terms(self) -> FreeEnergyTerms:
        """Complexity and accuracy of the last update in nats, each ``(*batch)``."""
        names = self.members[0].terms.per_site
        each = {n: self.mean([m.terms.per_site[n] for m in self.members]) for n in names}
        accuracy = sum(each.values(), torch.zeros_like(self.free_energy))
        return FreeEnergyTerms(self.free_energy + accuracy, accuracy, each)

    @cached_property
    def marginals(self) -> dict[str, Distribution]:
        """A ``Categorical`` for each site of c, a mixture for each other one, ``(*batch)``."""
        found: dict[str, Distribution] = {}
        joint = self.log_probs.exp().reshape(*self.batch_shape, *(s.size for s in self.sites))
        for i, site in enumerate(self.sites):
            others = [j - len(self.sites) for j in range(len(self.sites)) if j != i]
            probs = joint.sum(others) if others else joint
            found[site.name] = dist.Categorical(probs=probs)
        for name in self.members[0].marginals:
            found[name] = self._mixture([member.marginals[name] for member in self.members])
        return found

    def _mixture(self, parts: Sequence[Any]) -> Distribution:
        kind = type(parts[0])
        if issubclass(kind, torch.distributions.Categorical):
            probs = torch.stack([part.probs for part in parts], -1)
            return dist.Categorical(probs=(probs @ self.log_probs.exp()[..., None])[..., 0])
        if kind is dist.Empirical:
            values = torch.cat([part.enumerate_support() for part in parts])
            return dist.Empirical(values.movedim(0, len(self.batch_shape)), self._weights(parts))
        weights = dist.Categorical(logits=self.log_probs)
        if issubclass(kind, torch.distributions.Normal):
            loc, scale = (torch.stack([getattr(p, k) for p in parts], -1) for k in ("loc", "scale"))
            return dist.MixtureSameFamily(weights, dist.Normal(loc, scale))
        loc = torch.stack([part.loc for part in parts], -2)
        scale = torch.stack([part.scale_tril for part in parts], -3)
        return dist.MixtureSameFamily(weights, dist.MultivariateNormal(loc, scale_tril=scale))

    def _weights(self, parts: Sequence[Any]) -> Tensor:
        logs = [part.log_weights - ops.logsumexp(part.log_weights, -1)[..., None] for part in parts]
        both = [log + self.log_probs[..., i : i + 1] for i, log in enumerate(logs)]
        return torch.cat(both, -1)

    def sample(self, n: int | Sequence[int] = ()) -> dict[str, Tensor]:
        """Draw c and states jointly: site to tensor ``(*n, *batch, *event)``."""
        draws = torch.Size((n,) if isinstance(n, int) else tuple(n))
        value = torch.distributions.Categorical(logits=self.log_probs).sample(draws)
        sizes = [site.size for site in self.sites]
        index = ops.unravel(value, sizes)
        found = {s.name: s.support[i] for s, i in zip(self.sites, index, strict=True)}
        every = [member.sample(draws) for member in self.members]
        for name in every[0]:
            stacked = torch.stack([each[name] for each in every])
            event = stacked.dim() - 1 - value.dim()
            where = value.reshape(1, *value.shape, *[1] * event).expand(1, *stacked.shape[1:])
            found[name] = stacked.gather(0, where).squeeze(0)
        return found

    def _map(self, move: Move) -> BankBelief:
        return replace(
            self,
            log_probs=move(self.log_probs, 1),
            members=tuple(member._map(move) for member in self.members),
            surprise=None if self.surprise is None else move(self.surprise, 0),
        )

    def normalized(self) -> BankBelief:
        """The same with probabilities that sum to one.

        Raises:
            ValueError: where no value has any.
        """
        total = ops.logsumexp(self.log_probs, -1)
        if bool((total == -math.inf).any()):
            got = f"one of probability 0 at time step {self.step}"
            raise ValueError(
                complain(
                    "observation", "one of positive probability", got, "Beliefs are unchanged."
                )
            )
        return replace(self, log_probs=self.log_probs - total.unsqueeze(-1))
