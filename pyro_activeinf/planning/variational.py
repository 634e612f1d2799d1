"""Planning by stochastic variational inference: a guide over policies, fitted to a belief."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import gymnasium as gym
import pyro
import torch
from torch import Tensor

from .._checks import complain, finite, positive_int
from ..compile.enumerate import HANDLERS
from ..filters import Filter
from ..free_energy.counted import counted_terms
from ..records import Belief, PolicyPosterior
from .base import Resumable, require_question
from .candidates import Objective
from .categorical_policy import Categoricals
from .fitting import Fitting, Optimizer
from .gaussian_policy import GaussianPolicy
from .natural import EnumeratedPolicies
from .open_loop import OpenLoop
from .policy_guides import GuideFamily, PolicyGuide
from .priors import ModelHabit, PolicyPrior
from .starts import first_policies
from .warm_start import Solution, WarmStart


class Variational(Resumable):
    r"""Plans by inference: fits a guide q(u_1:H) to the policy posterior.

    .. math::
        F[q] = E_{q(u)}\big[\log q(u_{1:H}) - \log p(u_{1:H}) + \gamma \, G(u_{1:H})\big],
        \qquad q^*(u) \propto p(u) \, e^{-\gamma G(u)}

    Real-valued actions follow gradients that pass through the filter; the guide is squashed into
    the bounds of the action space. Actions that are counted take steps of the natural gradient
    over all policies, one of which is exact where G is. Every restart is a guide of its own, and
    so is every member of a batch; all are fitted at once. The learning rate falls to zero over the
    steps. From the second time step of an episode on, guides start from where they were, one step
    on.

    The posterior is over the centers of the restarts, ordered and weighted by their free energy,
    :math:`q(r) \propto e^{-F_r}`.

    Control costs what the prior says: with a habit :math:`p(u_h) = N(0, \Sigma)` and Gaussian
    preferences :math:`\tilde p(o) = N(g, W)`, plans for a linear-Gaussian model are those of the
    linear-quadratic regulator with

    .. math:: \text{cost} = \sum_\tau (C s_\tau + d - g)^T W^{-1} (C s_\tau + d - g)
              + u_\tau^T (\gamma \Sigma)^{-1} u_\tau

    Args:
        horizon: number of actions H in a policy.
        steps: of the optimizer, in each call.
        guide: the kind of guide: :class:`GaussianPolicy` (by default for a Box),
            :class:`FlowPolicy`, :class:`CategoricalPolicy`, or :class:`EnumeratedPolicies` (by
            default where actions are counted).
        precision: gamma.
        restarts: guides that begin at different policies, the best of random tries; not for
            :class:`EnumeratedPolicies`.
        num_particles: policies that are drawn from each guide in a step.
        optimizer: makes a torch optimizer of parameters; Adam with a rate of 0.1 by default.
        prior: p(u); the model's habit by default, and uniform over the space without one.
        terms: which of ``pragmatic``, ``epistemic``, ``novelty`` count; all by default.
        memory_limit: bytes that scoring may take at a time.

    Raises:
        ValueError: for a wrong argument; on a call, for an action space that the guide does not
            fit, or where no policy is possible.

    Reference: Hoffman et al. (2013), "Stochastic variational inference"; Levine (2018),
    "Reinforcement learning and control as probabilistic inference"; Okada and Taniguchi (2020),
    "Variational inference MPC for Bayesian model-based reinforcement learning".

    Example:
        >>> from pyro_activeinf.filters import ExactFilter
        >>> from pyro_activeinf.models import TMaze
        >>> filter = ExactFilter(TMaze())
        >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> posterior = Variational(horizon=2, steps=1)(filter, start)
        >>> posterior.policies[posterior.probs.argmax()].tolist()[0]  # the cue first
        3
    """

    def __init__(  # noqa: PLR0913
        self,
        horizon: int,
        steps: int,
        guide: GuideFamily | EnumeratedPolicies | None = None,
        precision: float = 1.0,
        restarts: int = 1,
        num_particles: int = 32,
        optimizer: Optimizer | None = None,
        prior: PolicyPrior | None = None,
        terms: Iterable[str] | None = None,
        memory_limit: int = 2**30,
    ) -> None:
        self.horizon = positive_int("horizon", horizon)
        self.guide = _family(guide)
        self.steps = positive_int("steps", steps)
        self.restarts = positive_int("restarts", restarts)
        self.num_particles = positive_int("num_particles", num_particles)
        self.precision = finite("precision", precision)
        self.terms = counted_terms(terms)
        self.memory_limit = positive_int("memory_limit", memory_limit)
        self.optimizer, self.prior = optimizer, prior
        self.fitting = Fitting(self.steps, self.num_particles, optimizer)
        self.objective = Objective(
            self.terms, self.precision, prior or ModelHabit(), self.memory_limit
        )
        policies = guide.policies if isinstance(guide, EnumeratedPolicies) else None
        self._scorer = OpenLoop(horizon, policies, precision, terms, memory_limit)
        self._last: WarmStart[PolicyGuide] = WarmStart()

    def __call__(self, filter: Filter, belief: Belief) -> PolicyPosterior:
        """Fit a guide to a belief, for each member of its batch by itself."""
        require_question(filter, belief)
        family = self._family(filter)
        if isinstance(family, EnumeratedPolicies):
            return family.plan(self._scorer, self.objective, self.steps, filter, belief)
        with _local_parameters():
            guide = self._start(family, filter, belief)
            free_energy = self.fitting(guide, self.objective, filter, belief)
        self._last.keep(filter, belief, guide)
        with torch.no_grad():
            return self._posterior(guide, free_energy.movedim(0, -1), filter, belief)

    def solution(self, filter: Filter) -> dict[str, Any] | None:
        """The parameters of the last guide for a filter, and where it was fitted."""
        last = self._last.last(filter)
        return None if last is None else {**vars(last), "found": last.found.state_dict()}

    def resume(self, filter: Filter, solution: Mapping[str, Any]) -> None:
        """Begin where another planner of the same kind of guide has ended."""
        family, batch = self._family(filter), tuple(solution["batch"])
        if isinstance(family, EnumeratedPolicies):
            return
        with torch.random.fork_rng(devices=[]), _local_parameters():
            guide = family(filter, self.horizon, (self.restarts, *batch), None)
        guide.load_state_dict(solution["found"])
        self._last.put(filter, Solution(solution["step"], batch, guide))

    def _family(self, filter: Filter) -> GuideFamily | EnumeratedPolicies:
        """The kind of guide, by default what fits the action space."""
        if self.guide is not None:
            return self.guide
        real = isinstance(filter.actions, gym.spaces.Box)
        return GaussianPolicy() if real else EnumeratedPolicies()

    def _start(self, family: GuideFamily, filter: Filter, belief: Belief) -> PolicyGuide:
        last = self._last.follow(filter, belief)
        if last is not None:
            guide = copy.deepcopy(last)
            guide.step_on()
            return guide
        begin = None
        if isinstance(filter.actions, gym.spaces.Box):
            begin = first_policies(self.objective, filter, belief, self.horizon, self.restarts)
        return family(filter, self.horizon, (self.restarts, *belief.batch_shape), begin)

    def _posterior(
        self, guide: PolicyGuide, free_energy: Tensor, filter: Filter, belief: Belief
    ) -> PolicyPosterior:
        """Over the centers of restarts with these free energies, ``(*batch, restarts)``."""
        centers = guide.centers().movedim(0, len(belief.batch_shape))
        scored = replace(self.objective(filter, belief, centers), cost=free_energy)
        posterior = scored.best(self.restarts).posterior(filter)
        if not isinstance(guide, Categoricals):
            return posterior
        return posterior.with_probs(posterior.probs, guide.action_probs(free_energy.neg()))


def _family(guide: object) -> GuideFamily | EnumeratedPolicies | None:
    if guide is not None and not isinstance(guide, GuideFamily | EnumeratedPolicies):
        raise TypeError(
            complain(
                "guide",
                "GaussianPolicy(), FlowPolicy(), CategoricalPolicy() or EnumeratedPolicies()",
                repr(guide),
            )
        )
    return guide


@contextmanager
def _local_parameters() -> Iterator[None]:
    """Parameters stay in their guides; one thread at a time, for Pyro has one setting for all."""
    with HANDLERS, pyro.settings.context(module_local_params=True):
        yield
