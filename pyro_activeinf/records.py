"""Frozen records that pass between the rooms of the library, with the shape on every field."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Self

import torch
from torch import Tensor
from torch.distributions import Distribution

TERMS = ("pragmatic", "epistemic", "novelty")
ALL_TERMS = frozenset(TERMS)
_STEP = re.compile(r"_(\d+)$")
_LEVEL = re.compile(r"level(\d+)/")


def step_of(site: str) -> int | None:
    """Time step t in the name ``f"{site}_{t}"`` of an unrolled site, or None.

    Example:
        >>> step_of("tiger_3"), step_of("tiger")
        (3, None)
    """
    found = _STEP.search(site)
    return int(found[1]) if found else None


def stem_of(site: str) -> str:
    """Name of a site without its time step.

    Example:
        >>> stem_of("level1/tiger_3"), stem_of("tiger")
        ('level1/tiger', 'tiger')
    """
    return _STEP.sub("", site)


def level_of(site: str) -> int | None:
    """Level i in the name ``f"level{i}/{site}"`` of a site in a hierarchy, or None.

    Example:
        >>> level_of("level2/context_0"), level_of("context_0")
        (2, None)
    """
    found = _LEVEL.match(site)
    return int(found[1]) if found else None


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


@dataclass(frozen=True)
class SoftObservation:
    """Evidence that is itself uncertain: a likelihood for each value of an observation site.

    The evidence that a state receives is ``sum_o exp(log_likelihood[o]) p(o|s)`` (Pearl's virtual
    evidence): a one-hot likelihood is an ordinary observation, a constant one is a missing one.
    """

    log_likelihood: Tensor  # (*batch, values of the site)


@dataclass(frozen=True)
class Reshaped:
    """Reshapes the batch dims of a tensor."""

    batch: tuple[int, ...]

    def __call__(self, x: Tensor, event: int) -> Tensor:
        """``(*old batch, *event)`` to ``(*batch, *event)``."""
        return x.reshape((*self.batch, *x.shape[x.dim() - event :]))


@dataclass(frozen=True)
class Taken:
    """Picks entries of the last batch dim of a tensor."""

    index: Tensor  # (n,)

    def __call__(self, x: Tensor, event: int) -> Tensor:
        """``(*batch, m, *event)`` to ``(*batch, n, *event)``."""
        return x.index_select(-1 - event, self.index)


@dataclass(frozen=True)
class Belief(ABC):
    """q(s_t): what an agent believes about the state at one time step."""

    step: int  # the time index t that the belief is about

    @property
    @abstractmethod
    def batch_shape(self) -> torch.Size:
        """Shape of the batch of beliefs."""

    @property
    @abstractmethod
    def free_energy(self) -> Tensor:
        """F of the last update in nats, ``(*batch)``; 0 for a belief that is only predicted."""

    @property
    @abstractmethod
    def terms(self) -> FreeEnergyTerms:
        """Complexity and accuracy of the last update in nats, each ``(*batch)``."""

    @property
    @abstractmethod
    def marginals(self) -> dict[str, Distribution]:
        """A distribution for each state site, with batch shape ``(*batch)``."""

    @abstractmethod
    def sample(self, n: int | Sequence[int] = ()) -> dict[str, Tensor]:
        """Draw states jointly: site to tensor ``(*n, *batch, *event)``."""

    def reshape(self, *batch: int) -> Self:
        """The same beliefs with their batch dims reshaped."""
        return self._map(Reshaped(batch))

    def take(self, index: Tensor) -> Self:
        """Beliefs picked along the last batch dim by ``index`` of shape ``(n,)``."""
        return self._map(Taken(index))

    @abstractmethod
    def _map(self, move: Callable[[Tensor, int], Tensor]) -> Self:
        """Apply ``move(tensor, event dims)`` to every tensor of the belief."""


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


@dataclass(frozen=True)
class LevelMessages:
    """What passes between a level of a hierarchy and the one above it, and the lower one's clock.

    The linked sites are taken together, the last one varying fastest.
    """

    sites: tuple[str, ...]  # names of the linked sites
    sizes: tuple[int, ...]  # number of values of each
    ticks: Tensor  # (*batch): own steps since the level began, the present one included
    down: Tensor  # (*batch, values): log p(c), as predicted from above
    up: Tensor  # (*batch, values): log p(o|c) of all that was seen since the level began, in nats

    def map(self, move: Callable[[Tensor], Tensor]) -> LevelMessages:
        """Apply ``move`` to every tensor."""
        return replace(self, ticks=move(self.ticks), down=move(self.down), up=move(self.up))


@dataclass(frozen=True)
class Trajectory:
    """What an agent saw, believed, planned and did, step by step.

    A row of the time axis holds an observation, the belief after it, and the plan and action that
    followed. The last row of an episode has no plan and no action: -1 for actions, NaN else (also
    for real-valued actions).
    """

    observations: Mapping[str, Tensor]  # site: (*batch, time, *event)
    actions: Tensor  # (*batch, time[, controls]); real-valued: (*batch, time, *event)
    rewards: Tensor  # (*batch, time): what the world paid for the action
    # state site: probabilities (*batch, time, values), or the mean (*batch, time, *event)
    beliefs: Mapping[str, Tensor]
    free_energy: FreeEnergyTerms  # (*batch, time), nats
    plan: ExpectedFreeEnergyTerms  # (*batch, time), nats: the mean under q(pi)
    action_probs: Tensor  # (*batch, time, *controls); real-valued: (*batch, time, policies)
    episode: Tensor  # (time,): number of the episode
    step: Tensor  # (time,): time index within the episode
    # where they were kept: (policies, horizon[, controls]); of real-valued actions the candidates
    # at each step, (*batch, time, policies, horizon, *event)
    policies: Tensor | None = None
    policy_probs: Tensor | None = None  # (*batch, time, policies)
    policy_values: Tensor | None = None  # (*batch, time, policies): G of each, nats
    # real state site: standard deviation (*batch, time, *event)
    spread: Mapping[str, Tensor] = field(default_factory=dict)
    # of a hierarchy: number of a level (1 = lowest) to what passed between it and the one above,
    # with the time after the batch
    messages: Mapping[int, LevelMessages] = field(default_factory=dict)

    @property
    def real_actions(self) -> bool:
        """Whether actions are real-valued."""
        return self.actions.is_floating_point()

    def episodes(self) -> list[Trajectory]:
        """The trajectory cut into its episodes."""
        numbers = torch.unique_consecutive(self.episode)
        return [self.at((self.episode == number).nonzero().squeeze(-1)) for number in numbers]

    def at(self, rows: Tensor) -> Trajectory:
        """The rows of the time axis with these indexes ``(n,)``."""
        axis = self.rewards.dim() - 1
        picked = self._map(lambda tensor: tensor.index_select(axis, rows))
        return replace(picked, episode=self.episode[rows], step=self.step[rows])

    def member(self, *index: int) -> Trajectory:
        """One member of a batch of agents."""
        return self._map(lambda tensor: tensor[index])

    def _moved_policies(self, move: Callable[[Tensor], Tensor]) -> Tensor | None:
        """The policies, where each step has its own."""
        if self.policies is None or not self.real_actions:
            return self.policies
        return move(self.policies)

    def _map(self, move: Callable[[Tensor], Tensor]) -> Trajectory:
        """Apply ``move`` to every tensor that has the batch dims."""
        terms = self.free_energy
        return replace(
            self,
            observations={name: move(value) for name, value in self.observations.items()},
            actions=move(self.actions),
            rewards=move(self.rewards),
            beliefs={name: move(value) for name, value in self.beliefs.items()},
            spread={name: move(value) for name, value in self.spread.items()},
            messages={level: passed.map(move) for level, passed in self.messages.items()},
            free_energy=FreeEnergyTerms(
                move(terms.complexity),
                move(terms.accuracy),
                {name: move(value) for name, value in terms.per_site.items()},
            ),
            plan=ExpectedFreeEnergyTerms(move(self.plan.values), self.plan.sites),
            action_probs=move(self.action_probs),
            policies=self._moved_policies(move),
            policy_probs=None if self.policy_probs is None else move(self.policy_probs),
            policy_values=None if self.policy_values is None else move(self.policy_values),
        )
