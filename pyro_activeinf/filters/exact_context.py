"""Hypotheses about the first state of an exact filter, and what another one predicts of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .. import ops
from .._checks import known_names
from ..compile import Role, Site, Tables, Variable
from .belief import JointBelief
from .context import FiniteContext, Link, clamped, impossible_from_above
from .exact import ExactFilter
from .hidden_markov import HiddenMarkovFilter
from .joint import log_likelihood, product, table_dtype
from .motion import action_index, by_action


class ExactContext(FiniteContext[Tensor, JointBelief]):
    r"""The first state of a filter of joint states, as sites that another model predicts.

    A *message* holds, for every value c of these sites together (the last one varying fastest),
    how probable all that was seen since is along with the present state:

    .. math:: M_t[c, s_t] = p(o_{0:t}, s_t | c, u_{0:t-1})

    It is what filtering forward and smoothing back have in common: :math:`\log \sum_s M_t[c, s]`
    is the evidence for c, and :math:`\sum_c p(c) M_t[c, s]` is, but for a factor, the belief under
    an empirical prior p(c).

    Args:
        filter: of the level that is set.
        sites: state sites of its model; what ``initial`` says of them is replaced.

    Raises:
        ValueError: for a site that is not one of the model's states.

    Reference: Friston, Rosch, Parr, Price and Bowman (2017), "Deep temporal models and active
    inference", eq. 5.

    Example:
        >>> from pyro_activeinf.models import TMaze
        >>> filter = ExactFilter(TMaze())
        >>> context = ExactContext(filter, ["context"])
        >>> message, own, _ = context.look(context.start(), {"position": 0, "reward": 0})
        >>> message = context.see(message, own)
        >>> context.evidence(message).exp().tolist()  # the first position tells nothing
        [1.0, 1.0]
        >>> probs = context.belief(message, torch.tensor([0.9, 0.1]).log(), 0).marginals
        >>> probs["context"].probs.round(decimals=3).tolist()
        [0.9, 0.1]
    """

    def __init__(self, filter: ExactFilter | HiddenMarkovFilter, sites: Sequence[str]) -> None:
        known = [site.name for site in filter.tables.states]
        known_names("sites", sites, known)
        self.filter, self.names = filter, tuple(sites)
        self._made: tuple[Tables, Tensor] | None = None

    @property
    def sites(self) -> tuple[Site, ...]:
        """The sites, in the order of their names."""
        each = {site.name: site for site in self.filter.tables.states}
        return tuple(each[name] for name in self.names)

    def start(self, batch_shape: tuple[int, ...] = ()) -> Tensor:
        """log p(s_0 | c), ``(*batch, values, states)``."""
        first = self._start()
        return first.expand(*batch_shape, *first.shape)

    def _start(self) -> Tensor:
        tables = self.filter.tables
        if self._made is None or self._made[0] is not tables:
            self._made = (tables, _first(tables, self.names))
        return self._made[1]

    def move(self, message: Tensor, action: Any = None) -> Tensor:
        """The message after an action ``(*batch)``."""
        filter = self.filter
        index = action_index(filter.tables.controls, action, filter.device)
        if index.dim():
            index = index.unsqueeze(-1)
        return by_action(message, index, filter.log_transition, ops.log_vecmat)

    def look(
        self, message: Tensor, observation: Mapping[str, Any]
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """The message as it was, and the likelihood of what is seen, ``(*batch, states)``."""
        each = self.filter.log_likelihoods(observation)
        return message, sum(each.values(), self.nothing(())), each

    def see(self, message: Tensor, log_likelihood: Tensor) -> Tensor:
        """The message after something of likelihood ``(*batch, states)`` was seen."""
        return message + log_likelihood.unsqueeze(-2)

    def nothing(self, batch_shape: tuple[int, ...]) -> Tensor:
        """The likelihood of nothing, ``(*batch, states)``."""
        like = self._start()
        return like.new_zeros(*batch_shape, like.shape[-1])

    def choose(self, chosen: Tensor, new: Tensor, old: Tensor) -> Tensor:
        """One message where something holds ``(*batch)``, the other elsewhere."""
        return torch.where(chosen[..., None, None], new, old)

    def evidence(self, message: Tensor) -> Tensor:
        """log p(o_{0:t} | c), ``(*batch, values)``, in nats."""
        return ops.logsumexp(message, -1)

    def belief(self, message: Tensor, log_prior: Tensor, step: int) -> JointBelief:
        """q(s_t) under log p(c) ``(*batch, values)``.

        Raises:
            ValueError: where all that was seen is impossible under the prior.
        """
        joint = ops.logsumexp(message + log_prior.to(message).unsqueeze(-1), -2)
        total = ops.logsumexp(joint, -1)
        if bool((total == -math.inf).any()):
            raise impossible_from_above(step)
        sites = self.filter.tables.states
        return JointBelief(step, sites, log_probs_=joint - total.unsqueeze(-1))

    def forget(self, message: Tensor) -> Tensor:
        """The posterior of the states is kept."""
        return message - ops.logsumexp(message, -1).unsqueeze(-1)

    def expected(self, belief: JointBelief, log_likelihood: Tensor) -> Tensor:
        """The expectation over joint states, ``(*batch)``."""
        return ops.exp_dot(belief.log_probs, log_likelihood)


def _first(tables: Tables, names: Sequence[str]) -> Tensor:
    """log p(s_0 | c), ``(values, states)``: the tables of ``initial`` but for those of c."""
    now = [Variable(Role.STATE, site.name) for site in tables.states]
    sizes = [site.size for site in tables.states]
    rest = [table for table in tables.initial if table.variable.name not in names]
    log_probs = product(rest, now, sizes, table_dtype(tables)).reshape(-1)
    each = ops.unravel(torch.arange(tables.joint_size, device=log_probs.device), sizes)
    kept = [i for name in names for i, site in enumerate(tables.states) if site.name == name]
    value = torch.zeros_like(each[0])
    for i in kept:
        value = value * sizes[i] + each[i]
    values = torch.arange(math.prod(sizes[i] for i in kept), device=value.device)
    return torch.where(values[:, None] == value, log_probs, -math.inf)


class JointLink(Link):
    r"""Observation sites of a filter of joint states that another model's first state is made of.

    .. math:: p(c) = \sum_x q(x) \, p(c|x), \qquad \log p(o|x) = \log \sum_c p(c|x) \, p(o|c)

    Args:
        filter: of the level that sets.
        sites: observation sites of its model.

    Example:
        >>> from pyro_activeinf.models import TMaze
        >>> filter = ExactFilter(TMaze())
        >>> link = JointLink(filter, ["position"])
        >>> link.down(filter.initial()).exp().tolist()
        [1.0, 0.0, 0.0, 0.0, 0.0]
        >>> tuple(link.up(torch.zeros(5)).shape)  # joint states
        (8,)
    """

    def __init__(self, filter: ExactFilter | HiddenMarkovFilter, sites: Sequence[str]) -> None:
        known_names("sites", sites, filter.observation_sites)
        self.filter, self.names = filter, tuple(sites)
        self._made: tuple[Tables, Tensor] | None = None

    @property
    def log_probs(self) -> Tensor:
        """log p(c | x), ``(states, values)``."""
        if isinstance(self.filter, HiddenMarkovFilter):
            return self._from_values(self.filter)
        tables = self.filter.tables
        if self._made is None or self._made[0] is not tables:
            self._made = (tables, log_likelihood(tables, self.names).flatten(1))
        return self._made[1]

    def _from_values(self, filter: HiddenMarkovFilter) -> Tensor:
        """The same by what each joint value would tell of the states."""
        sites = [site for name in self.names if (site := filter.kinds[name].site) is not None]
        pairs = zip(sites, clamped(sites), strict=True)
        each = filter.log_likelihoods({site.name: site.support[index] for site, index in pairs})
        return sum(each.values(), torch.zeros(())).mT

    def down(self, belief: JointBelief) -> Tensor:
        """log p(c) as predicted by a belief, ``(*batch, values)``."""
        return ops.logsumexp(belief.log_probs.unsqueeze(-1) + self.log_probs, -2)

    def up(self, log_evidence: Tensor, message: Any = None) -> Tensor:
        """log p(o | x) from log p(o | c) ``(*batch, values)``: ``(*batch, states)``."""
        log_probs = self.log_probs
        return ops.logsumexp(log_probs + log_evidence.to(log_probs).unsqueeze(-2), -1)
