"""Distributions over the values of a discrete site, whatever these are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from pyro.distributions.score_parts import ScoreParts
from torch import Tensor
from torch.distributions import constraints

from ..compile import Site


class Finite(TorchDistribution):
    r"""A distribution over the values of a site, whatever these are.

    .. math:: q(x = v_i) \propto e^{l_i}

    Args:
        logits: ``(*batch, values)``, in nats; where all are ``-inf``, every value is as likely.
        site: its values, ``site.support``, of shape ``(values, *event)``.

    Example:
        >>> coin = Finite(torch.tensor([0.0, 0.0]), Site("side", torch.tensor([-1.0, 1.0])))
        >>> round(coin.log_prob(torch.tensor(1.0)).item(), 3)
        -0.693
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(self, logits: Tensor, site: Site, validate_args: bool | None = None) -> None:
        possible = (logits > -torch.inf).any(-1, keepdim=True)
        safe = torch.where(possible, logits, 0.0)
        self.logits = safe - safe.logsumexp(-1, keepdim=True)
        self.site = site
        event = site.support.shape[1:]
        super().__init__(logits.shape[:-1], event, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:
        """Left to :meth:`log_prob`, which names values outside of it."""
        plain = constraints.real
        return constraints.independent(plain, self.event_dim) if self.event_dim else plain

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> Finite:
        """The same distribution over a larger batch."""
        return type(self)(self.logits.expand(*batch_shape, -1), self.site, validate_args=False)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values, ``(*sample, *batch, *event)``."""
        index = torch.distributions.Categorical(logits=self.logits, validate_args=False)
        return self.site.support[index.sample(torch.Size(sample_shape))]

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probability of values, ``(*batch)``, in nats."""
        index = self.site.index(value)
        batch = torch.broadcast_shapes(index.shape, self.batch_shape)
        rows = self.logits.expand(*batch, -1)
        return rows.gather(-1, index.expand(batch).unsqueeze(-1)).squeeze(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values, ``(values, *batch, *event)``."""
        values = self.site.support
        found = values.reshape(len(values), *[1] * len(self.batch_shape), *values.shape[1:])
        return found.expand(-1, *self.batch_shape, *values.shape[1:]) if expand else found


class Settled(Finite):
    """A factor of an exact posterior: its score function has nothing to teach.

    With an exact guide every sample has the same F, so that the expected score is multiplied by a
    constant and vanishes. What remains is the gradient of ``log q - log p`` at the sampled
    values, which is that of -log evidence, without variance. The score's value is kept: it is
    the weight of a value under enumeration.
    """

    def score_parts(self, value: Tensor) -> ScoreParts:
        """The log-probability as an entropy term; as a score, without its gradient."""
        log_prob = self.log_prob(value)
        return ScoreParts(log_prob, log_prob.detach(), log_prob)


def discrete(logits: Tensor, site: Site) -> TorchDistribution:
    """The usual distribution over a site's values where there is one, ``logits (*batch, values)``.

    Example:
        >>> discrete(torch.zeros(2), Site("heads", torch.tensor([0.0, 1.0])))
        Bernoulli(logits: 0.0)
    """
    if site.counts and not site.support.is_floating_point():
        return dist.Categorical(logits=logits)
    if site.counts and site.size == 2:
        return dist.Bernoulli(logits=logits[..., 1] - logits[..., 0])
    return Finite(logits, site)
