"""Hypotheses about what stays, one filter for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .. import ops
from .._checks import complain
from ..compile import Site
from ..records import Belief
from .bank import Bank
from .bank_belief import BankBelief
from .belief import JointBelief
from .context import FiniteContext
from .gaussian_belief import GaussianBelief
from .particle_belief import Lineage, ParticleBelief


class BankContext(FiniteContext[BankBelief, BankBelief]):
    r"""The sites that a :class:`Bank` has a filter for each value of.

    A message is a belief of the bank, not normalized: it holds log p(o_{0:t} | c) in place of
    log q(c), which is the evidence of the filter of c.

    Args:
        filter: of the level that is set.
        sites: all sites of the bank, in their order.

    Raises:
        ValueError: for other sites.
    """

    def __init__(self, filter: Bank, sites: Sequence[str]) -> None:
        held = list(filter.sites)
        if list(sites) != held:
            way_out = "Name them in Bank(model, sites=..), or let the level above show all of them."
            raise ValueError(complain("sites", f"those of the bank, {held}", list(sites), way_out))
        self.filter, self.names = filter, tuple(sites)

    @property
    def sites(self) -> tuple[Site, ...]:
        """The sites, in the order of their names."""
        return self.filter.context

    def start(self, batch_shape: tuple[int, ...] = ()) -> BankBelief:
        """Every value as its filter begins."""
        first = self.filter.initial(batch_shape)
        return replace(first, log_probs=torch.zeros_like(first.log_probs))

    def move(self, message: BankBelief, action: Any = None) -> BankBelief:
        """The message after an action ``(*batch)``."""
        return self.filter.predict(message, action)

    def look(
        self, message: BankBelief, observation: Mapping[str, Any]
    ) -> tuple[BankBelief, Tensor, dict[str, Tensor]]:
        """All filters updated; nothing remains."""
        found = self.filter.weighed(message, observation)
        each = [member.terms.per_site for member in found.members]
        sites = {name: torch.stack([part[name] for part in each], -1) for name in each[0]}
        return found, self.nothing(tuple(found.batch_shape)), sites

    def nothing(self, batch_shape: tuple[int, ...]) -> Tensor:
        """No level is below: zero, ``(*batch, 1)``."""
        return torch.zeros(*batch_shape, 1, dtype=self.filter.dtype, device=self.filter.device)

    def see(self, message: BankBelief, log_likelihood: Tensor) -> BankBelief:
        """The message as it is."""
        return message

    def choose(self, chosen: Tensor, new: BankBelief, old: BankBelief) -> BankBelief:
        """One message where something holds ``(*batch)``, the other elsewhere."""
        pairs = zip(new.members, old.members, strict=True)
        log_probs = torch.where(chosen[..., None], new.log_probs, old.log_probs)
        members = tuple(either(chosen, fresh, held) for fresh, held in pairs)
        return replace(old, log_probs=log_probs, members=members)

    def evidence(self, message: BankBelief) -> Tensor:
        """log p(o_{0:t} | c), ``(*batch, values)``, in nats."""
        return message.log_probs

    def belief(self, message: BankBelief, log_prior: Tensor, step: int) -> BankBelief:
        """q(c, s_t) under log p(c) ``(*batch, values)``.

        Raises:
            ValueError: where all that was seen is impossible under the prior.
        """
        log_probs = message.log_probs + log_prior.to(message.log_probs)
        return replace(message, log_probs=log_probs).normalized()

    def forget(self, message: BankBelief) -> BankBelief:
        """As it is: a bank is set by the level above it."""
        return message

    def expected(self, belief: BankBelief, log_likelihood: Tensor) -> Tensor:
        """The expectation over c of what each filter expects, ``(*batch)``."""
        return ops.exp_dot(belief.log_probs, log_likelihood)


def either(chosen: Tensor, new: Belief, old: Belief) -> Belief:
    """Predicted beliefs ``(*batch)``: one where something holds, the other elsewhere."""
    if isinstance(new, GaussianBelief) and isinstance(old, GaussianBelief):
        mean = torch.where(chosen[..., None], new.mean, old.mean)
        cov = torch.where(chosen[..., None, None], new.cov, old.cov)
        return replace(old, mean=mean, cov=cov, evidence=None)
    if isinstance(new, JointBelief) and isinstance(old, JointBelief):
        log_probs = torch.where(chosen[..., None], new.log_probs, old.log_probs)
        return JointBelief(old.step, old.sites, log_probs_=log_probs)
    if isinstance(new, ParticleBelief) and isinstance(old, ParticleBelief):
        return _either_particles(chosen, new, old)
    raise TypeError(
        complain("filter", "one of Gaussians, of joint states or of particles", type(new).__name__)
    )


def _either_particles(chosen: Tensor, new: ParticleBelief, old: ParticleBelief) -> ParticleBelief:
    """Particle by particle; what descends from what before this is no longer known."""

    def each(fresh: Mapping[str, Tensor], held: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = {}
        for name, value in fresh.items():
            where = chosen.reshape(*chosen.shape, *[1] * old.kinds[name].event_dim)
            found[name] = torch.where(where, value, held[name])
        return found

    return replace(
        old,
        states=each(new.states, old.states),
        parameters=each(new.parameters, old.parameters),
        log_weights=torch.where(chosen, new.log_weights, old.log_weights),
        origin=None,
        weighing=None,
        lineage=Lineage(),
        ancestors=None,
    )
