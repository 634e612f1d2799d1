"""Expected free energy and its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor

TERMS = ("pragmatic", "epistemic", "novelty")
ALL_TERMS = frozenset(TERMS)


@cache
def _signs(dtype: torch.dtype, device: torch.device) -> Tensor:
    """With which pragmatic value, outcome entropy, ambiguity and novelty count in G."""
    return torch.tensor([-1.0, -1.0, 1.0, -1.0], dtype=dtype, device=device)


@dataclass(frozen=True)
class ExpectedFreeEnergyTerms:
    r"""Expected free energy and its parts, in nats; lower is better.

    .. math::
        G = \underbrace{KL[q(o) \| \tilde p(o)]}_{risk}
          + \underbrace{E_q[H[p(o|s)]]}_{ambiguity} - novelty
          = -(\underbrace{E_q[\log \tilde p(o)]}_{pragmatic}
          + \underbrace{I(s; o)}_{epistemic} + novelty)

    Four numbers carry all of it; the rest are their sums. Each is held for the total and for each
    observation site by itself (under the site's own marginal likelihood).

    Reference: Friston et al. (2015), "Active inference and epistemic value", eqs. 5-6; Friston,
    Da Costa, Hafner, Hesp and Parr (2021), "Sophisticated inference".
    """

    values: Tensor  # (*batch, 4, 1 + sites): pragmatic, outcome entropy, ambiguity, novelty
    sites: tuple[str, ...]

    @property
    def pragmatic(self) -> Tensor:
        """Expected log-preference E[log p~(o)], ``(*batch)``."""
        return self.values[..., 0, 0]

    @property
    def outcome_entropy(self) -> Tensor:
        """Entropy of the predicted outcomes H[q(o)], ``(*batch)``."""
        return self.values[..., 1, 0]

    @property
    def ambiguity(self) -> Tensor:
        """Expected entropy of outcomes given states E[H[p(o|s)]], ``(*batch)``."""
        return self.values[..., 2, 0]

    @property
    def novelty(self) -> Tensor:
        """Information about parameters I(theta; o | s), ``(*batch)``."""
        return self.values[..., 3, 0]

    @property
    def epistemic(self) -> Tensor:
        """Information about states I(s; o), ``(*batch)``."""
        return self.outcome_entropy - self.ambiguity

    @property
    def risk(self) -> Tensor:
        """Divergence from the preferred outcomes KL[q(o) || p~(o)], ``(*batch)``.

        It can be negative where preferences are not normalized (``LogPreferences``, the array C).
        """
        return -self.pragmatic - self.outcome_entropy

    @property
    def total(self) -> Tensor:
        """G = risk + ambiguity - novelty, ``(*batch)``."""
        return self.values[..., 0] @ _signs(self.values.dtype, self.values.device)

    @property
    def per_site(self) -> dict[str, ExpectedFreeEnergyTerms]:
        """The same terms for each observation site by itself."""
        return {
            name: ExpectedFreeEnergyTerms(self.values[..., 1 + i : 2 + i], ())
            for i, name in enumerate(self.sites)
        }

    def select(self, terms: frozenset[str]) -> Tensor:
        """Expected free energy with only some of :data:`TERMS` counted, ``(*batch)``."""
        if terms == ALL_TERMS:
            return self.total
        return -sum((getattr(self, name) for name in TERMS if name in terms), self.zeros())

    def zeros(self) -> Tensor:
        """A zero for each entry of the batch, ``(*batch)``."""
        return torch.zeros_like(self.pragmatic)


@dataclass(frozen=True)
class DeferredTerms:
    """Terms of which G is known, while the rest is computed when it is asked for."""

    total: Tensor  # (*batch), in nats
    sites: tuple[str, ...]
    make: Callable[[], Tensor] = field(repr=False)  # the values of ExpectedFreeEnergyTerms

    @property
    def values(self) -> Tensor:
        """See :class:`ExpectedFreeEnergyTerms`: ``(*batch, 4, 1 + sites)``."""
        held: dict[str, Tensor] = vars(self)
        found = held.get("values_")
        if found is None:
            found = held["values_"] = self.make()
        return found

    def select(self, terms: frozenset[str]) -> Tensor:
        """Expected free energy with only some of :data:`TERMS` counted, ``(*batch)``."""
        if terms == ALL_TERMS:
            return self.total
        return ExpectedFreeEnergyTerms(self.values, self.sites).select(terms)


PrefixTerms = ExpectedFreeEnergyTerms | DeferredTerms
