"""Variational free energy and its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .names import level_of, step_of


@dataclass(frozen=True)
class FreeEnergyTerms:
    r"""Variational free energy and its parts, in nats.

    .. math:: F = \underbrace{KL[q(s) \| p(s)]}_{complexity}
                - \underbrace{E_q[\log p(o|s)]}_{accuracy}

    Of a belief update, or of a model and its guide (``VariationalFreeEnergy.decompose``). Each
    log-probability is counted once, at the site that it belongs to, so that sites, steps and levels
    add up to F. The factor that links two levels, log p(s_{i-1}|s_i), is hence in the complexity of
    the lower one, and not a second time in the accuracy of the upper one:

    .. math:: F = \sum_i F_i, \qquad F_i = E_q[\log q(s_i) - \log p(s_i|s_{i+1})]
                - \textstyle\sum_{o \in i} E_q[\log p(o|s_i)]

    Reference: Friston (2008), "Hierarchical models in the brain", sec. "Hierarchical forms".

    Example:
        >>> zero, half, one = torch.tensor([0.0, 0.5, 1.0])
        >>> FreeEnergyTerms(half, -one).total.item()
        1.5
        >>> terms = FreeEnergyTerms(half, -one, {"o_1": -one}, {"s_0": zero, "s_1": half})
        >>> {step: part.total.item() for step, part in terms.per_step.items()}
        {0: 0.0, 1: 1.5}
    """

    complexity: Tensor  # (*batch)
    accuracy: Tensor  # (*batch)
    per_site: Mapping[str, Tensor] = field(default_factory=dict)  # accuracy of a site: (*batch)
    complexity_per_site: Mapping[str, Tensor] = field(default_factory=dict)  # (*batch)

    @property
    def total(self) -> Tensor:
        """F = complexity - accuracy, shape ``(*batch)``."""
        return self.complexity - self.accuracy

    @property
    def accuracy_per_site(self) -> Mapping[str, Tensor]:
        """Accuracy of each observation site, ``(*batch)``: another name of ``per_site``."""
        return self.per_site

    @property
    def per_step(self) -> dict[int | None, FreeEnergyTerms]:
        """The same terms by time step t, of sites ``f"{site}_{t}"``; None: of no step."""
        return self._grouped(step_of)

    @property
    def per_level(self) -> dict[int | None, FreeEnergyTerms]:
        """The same terms by level i, of sites ``f"level{i}/{site}"``; None: of no level."""
        return self._grouped(level_of)

    def _grouped(self, key: Callable[[str], int | None]) -> dict[int | None, FreeEnergyTerms]:
        complexity = self.complexity_per_site or {"": self.complexity}
        accuracy = self.per_site or {"": self.accuracy}
        groups = {key(site) for site in [*complexity, *accuracy]}
        zero = torch.zeros_like(self.complexity)
        return {
            group: FreeEnergyTerms(
                sum((part for site, part in complexity.items() if key(site) == group), zero),
                sum((part for site, part in accuracy.items() if key(site) == group), zero),
                {site: part for site, part in self.per_site.items() if key(site) == group},
                {s: part for s, part in self.complexity_per_site.items() if key(s) == group},
            )
            for group in sorted(groups, key=lambda group: (group is None, group))
        }
