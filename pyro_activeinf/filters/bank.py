"""One filter for each value of some sites that stay: a mixture of filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor

from .. import ops
from .._checks import complain, known_names
from ..compile import Given, Programs, Wishes, every_value, finite_sites
from ..compile.wishes import NO_WISHES
from ..records import Belief, ExpectedFreeEnergyTerms
from .bank_belief import BankBelief
from .base import Filter, WishingFilter, require_belief
from .gaussian import GaussianFilter


class Bank(WishingFilter):
    r"""Carries q(c) and, for each value of c, the belief of another filter.

    .. math::
        q(c, s_t) = q(c) \, q(s_t | c), \qquad
        q(c) \propto p(c) \prod_{\tau \le t} p(o_\tau | o_{<\tau}, c)

    For programs with discrete sites c that stay beside real ones: a target, a regime, a kind of
    thing. It lets a discrete level stand above a continuous one in a
    :class:`~pyro_activeinf.HierarchicalAgent`. Over :class:`GaussianFilter` and linear programs
    it is exact.

    Expected free energy is that of the members, in the mean over c: what an outcome tells about c
    itself is not counted, which makes the epistemic value a lower bound.

    Args:
        model: a :class:`~pyro_activeinf.GenerativeModel`, or any object with its programs.
        sites: c; all state sites of finitely many values by default.
        make: the filter of the programs without these sites.

    Raises:
        ValueError: for a site that ``initial`` does not have or that changes in ``transition``,
            or where there is none.

    Reference: Magill (1965), "Optimal adaptive estimation of sampled stochastic processes".

    Example:
        >>> import pyro
        >>> import pyro.distributions as dist
        >>> class Slope:
        ...     actions = None
        ...     def initial(self):
        ...         side = pyro.sample("side", dist.Categorical(torch.ones(2) / 2))
        ...         return side, pyro.sample("x", dist.Normal(0.0, 1.0))
        ...     def transition(self, state, action):
        ...         side = pyro.sample("side", dist.Categorical(torch.eye(2)[state[0]]))
        ...         return side, pyro.sample("x", dist.Normal(state[1] + 2.0 * side - 1.0, 0.1))
        ...     def observe(self, state):
        ...         pyro.sample("o", dist.Normal(state[1], 0.1))
        >>> bank = Bank(Slope())
        >>> belief = bank.update(bank.initial(), {"o": torch.tensor(0.5)})
        >>> belief = bank.update(bank.predict(belief, None), {"o": torch.tensor(1.4)})
        >>> belief.marginals["side"].probs.round(decimals=3).tolist()
        [0.0, 1.0]
    """

    def __init__(
        self,
        model: Programs,
        sites: Sequence[str] | None = None,
        make: Callable[[Programs], Filter] = GaussianFilter,
    ) -> None:
        finite = finite_sites(model)
        names = list(finite) if sites is None else list(sites)
        known_names("sites", names, list(finite))
        if not names:
            raise ValueError(complain("model", "a state site of finitely many values", "none"))
        self.model, self.make = model, make
        self.sites = tuple(names)
        self.context = tuple(finite[name] for name in names)
        self._given: list[Given] = list(every_value(model, {s.name: s for s in self.context}))
        self.members = tuple(make(given) for given in self._given)
        action = _some_action(model.actions, torch.zeros((), dtype=self.dtype, device=self.device))
        for given in self._given:
            given.require_lasting(action)
        self.actions = model.actions
        self.observation_sites = self.members[0].observation_sites

    @property
    def scoring_bytes(self) -> int:
        """Memory that predicting and scoring one belief takes."""
        return len(self.members) * self.members[0].scoring_bytes

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the beliefs."""
        return self.members[0].dtype

    @property
    def device(self) -> torch.device:
        """Device of the beliefs: that of the model."""
        return self.members[0].device

    def habit(self) -> Mapping[str, Tensor]:
        """Log-probabilities of the model's habit."""
        return self.members[0].habit()

    @property
    def wishes(self) -> Wishes:
        """What was given, in place of what the model says."""
        first = self.members[0]
        return first.wishes if isinstance(first, WishingFilter) else NO_WISHES

    @property
    def wished(self) -> tuple[list[str], list[str]]:
        """Names of the sites that the model prefers something of, and of those of its habit."""
        first = self.members[0]
        return first.wished if isinstance(first, WishingFilter) else ([], [])

    def wishing(self, wishes: Wishes) -> Bank:
        """The same filters, each with other preferences and habits.

        Raises:
            ValueError: for a site of which the model wishes nothing, or filters that take none.
        """
        found = copy(self)
        found.members = tuple(_wishing(member, wishes) for member in self.members)
        return found

    def initial(self, batch_shape: tuple[int, ...] = ()) -> BankBelief:
        """p(c, s_0), before the first observation."""
        prior = torch.stack([given.log_prior for given in self._given])
        prior = (prior - ops.logsumexp(prior, -1)).to(self.device, self.dtype)
        members = tuple(member.initial(batch_shape) for member in self.members)
        return BankBelief(0, self.context, prior.expand(*members[0].batch_shape, -1), members)

    def predict(self, belief: BankBelief, action: Any) -> BankBelief:  # type: ignore[override]
        """q(c, s_t | o_{<t}, u_{<t}) from q(c, s_{t-1})."""
        require_belief(belief, BankBelief)
        return self.each(belief, lambda member, held: member.predict(held, action))

    def each(self, belief: BankBelief, step: Callable[[Filter, Belief], Belief]) -> BankBelief:
        """The same q(c) with the next belief of each member."""
        pairs = zip(self.members, belief.members, strict=True)
        members = tuple(step(member, held) for member, held in pairs)
        log_probs = belief.log_probs.expand(*members[0].batch_shape, -1)
        return BankBelief(members[0].step, self.context, log_probs, members)

    def weighed(self, belief: BankBelief, observation: Mapping[str, Any]) -> BankBelief:
        """Members updated, and log p(o_t | o_{<t}, c) added to log q(c), which sums to p(o_t)."""
        found = self.each(belief, lambda member, held: member.update(held, observation))
        surprises = torch.stack([member.free_energy for member in found.members], -1)
        return replace(found, log_probs=found.log_probs - surprises)

    def update(self, belief: BankBelief, observation: Mapping[str, Any]) -> BankBelief:  # type: ignore[override]
        """q(c, s_t | o_{<=t}).

        Raises:
            ValueError: for an unknown site, a malformed value, or an impossible observation.
        """
        require_belief(belief, BankBelief)
        found = self.weighed(belief, observation)
        surprise = -ops.logsumexp(found.log_probs, -1)
        return replace(found.normalized(), surprise=surprise)

    def expected_free_energy(self, belief: BankBelief) -> ExpectedFreeEnergyTerms:  # type: ignore[override]
        """Terms of one predicted step, in the mean over c, in nats."""
        require_belief(belief, BankBelief)
        pairs = zip(self.members, belief.members, strict=True)
        return _mean(belief, [member.expected_free_energy(held) for member, held in pairs], 2)

    def look_ahead(self, belief: BankBelief) -> ExpectedFreeEnergyTerms:  # type: ignore[override]
        """Terms of the next step under every action, ``(*batch, actions)``, in nats."""
        require_belief(belief, BankBelief)
        pairs = zip(self.members, belief.members, strict=True)
        return _mean(belief, [member.look_ahead(held) for member, held in pairs], 3)


def _wishing(member: Filter, wishes: Wishes) -> Filter:
    if not isinstance(member, WishingFilter):
        raise ValueError(complain("make", "a filter that takes wishes", repr(member)))
    return member.wishing(wishes)


def _mean(
    belief: BankBelief, terms: Sequence[ExpectedFreeEnergyTerms], event: int
) -> ExpectedFreeEnergyTerms:
    probs = belief.log_probs.exp()
    weights = probs.reshape(*probs.shape[:-1], *[1] * event, probs.shape[-1])
    values = torch.stack([part.values for part in terms], -1)
    kept = torch.where(weights > 0, weights * values, 0.0).sum(-1)
    return ExpectedFreeEnergyTerms(kept, terms[0].sites)


def _some_action(actions: gym.Space[Any] | None, like: Tensor) -> Tensor | None:
    if isinstance(actions, gym.spaces.Box):
        return like.new_zeros(actions.shape)
    if isinstance(actions, gym.spaces.MultiDiscrete):
        return like.new_zeros(len(actions.nvec), dtype=torch.long)
    return None if actions is None else like.new_zeros((), dtype=torch.long)
