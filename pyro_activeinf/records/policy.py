"""Plans: posteriors over policies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from torch import Tensor

from .expected import ExpectedFreeEnergyTerms, PrefixTerms


@dataclass(frozen=True)
class PlanReport:
    """How large a closed-loop plan is, and what it left out."""

    beliefs: int  # distinct beliefs that were met
    expanded: int  # of which were looked beyond
    cut: float  # largest probability of outcomes left out, for one belief and action


@dataclass(frozen=True)
class PolicyPosterior:
    r"""q(pi), proportional to habit(pi) exp(-gamma G(pi)), and why.

    ``policies`` holds a sequence of actions per row, ordered as :func:`itertools.product` does
    where a planner enumerates them all. Where actions are real-valued, the policies are candidates
    that a search came up with for each member of the batch, the best one first, and
    ``action_probs`` are those of the candidates.
    """

    # (policies, time[, controls]); real-valued actions: (*batch, policies, time, *event)
    policies: Tensor
    nodes: PrefixTerms = field(repr=False)  # of each step: see places
    expected_free_energy: Tensor  # (*batch, policies), in nats, of the terms that were counted
    probs: Tensor  # (*batch, policies)
    action_probs: Tensor  # (*batch, *controls) of the first action; real: (*batch, policies)
    report: PlanReport | None = None  # of a closed-loop plan
    # (policies, time): where the steps are found among nodes (*batch, nodes), which policies
    # share; without it nodes are (*batch, policies, time)
    places: Tensor | None = field(default=None, repr=False)

    @property
    def real(self) -> bool:
        """Whether actions are real-valued."""
        return self.policies.is_floating_point()

    @property
    def first_actions(self) -> Tensor:
        """What each policy does first: ``([*batch,] policies[, *event])``."""
        return self.policies.select(self.probs.dim() if self.real else 1, 0)

    @property
    def per_step(self) -> ExpectedFreeEnergyTerms:
        """Each term of each step of a policy: ``(*batch, policies, time)``."""
        if self.places is None:
            return ExpectedFreeEnergyTerms(self.nodes.values, self.nodes.sites)
        return ExpectedFreeEnergyTerms(self.nodes.values[..., self.places, :, :], self.nodes.sites)

    def with_probs(self, probs: Tensor, action_probs: Tensor) -> PolicyPosterior:
        """The same scores under other probabilities."""
        return replace(self, probs=probs, action_probs=action_probs)

    @cached_property
    def terms(self) -> ExpectedFreeEnergyTerms:
        """Each term, summed over the steps of a policy: ``(*batch, policies)``."""
        return ExpectedFreeEnergyTerms(self.per_step.values.sum(-3), self.nodes.sites)
