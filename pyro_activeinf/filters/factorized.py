"""The factorized filter of a discrete program: a marginal for each state site."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .. import ops
from .._checks import batch_dims, by_site, complain, nonnegative, positive_int
from ..compile import Compiled, Instead, Programs, Tables, Wishes, preferred_sites
from ..compile.wishes import NO_WISHES
from ..records import ExpectedFreeEnergyTerms, FreeEnergyTerms
from .base import WishingFilter, require_belief, require_programs
from .factor_arrays import FactorArrays
from .factorized_belief import FactorizedBelief, FactorizedUpdate
from .factorized_smoothing import FactorizedSmoothing, Move, smoothed
from .factors import FactorEvidence, FactorMotion, factor_motions, moving_novelty, propagate
from .likelihood import impossible, over_time
from .mean_field import LogJoint, Potential, minimize
from .motion import action_index, actions_over_time
from .novelty_rules import TableNovelty
from .novelty_tables import with_novelty


class FactorizedFilter(WishingFilter):
    r"""Mean-field inference: a marginal for each state site, in place of their joint.

    .. math::
        q(s_t) = \prod_f q_f(s_{t,f}), \quad
        p_f(s_{t,f}) = \sum_{pa} p(s_{t,f}|pa, u_{t-1}) \prod_{h \in pa} q_h, \quad
        F = \sum_f KL[q_f \| p_f] - E_q[\log p(o_t|s_t)]

    The joint state is never built: time and memory grow with the dependencies of the program,
    each of which costs its own table. What is lost are the correlations between sites. Where
    every transition and every observation depends on one site, there are none, and beliefs are
    those of the :class:`~.exact.ExactFilter`. Elsewhere F bounds -log p(o_t | o_{<t}) from above
    (with the predicted marginals as the prior), and where sites explain an observation together,
    the belief may settle on one of several explanations: for good where likelihoods of exactly
    zero set them apart, so that what contradicts it later is impossible. Some noise prevents it.

    Updates are coordinate ascent: F never rises from one sweep to the next, and members of a
    batch stop when they have converged. ``belief.sweeps`` and ``belief.trace`` report on it.

    Expected free energy is that of ``ExactFilter(model, joint_outcomes=False)`` under a belief
    of independent sites: information is added up over observation sites, which counts what
    several of them say alike more than once.

    Args:
        model: a :class:`~pyro_activeinf.GenerativeModel`, or any object with its programs.
        max_sweeps: sweeps of an update at most.
        tolerance: a sweep that lowers F by no more than this is the last one; in nats.
        novelty: what draws from tables with counts tell about them; their exact mutual information
            by default.

    Raises:
        ValueError: where a program does not compile, or an argument is not positive.
        TypeError: for a model or a rule of novelty that is none.

    Reference: Ghahramani and Jordan (1997), "Factorial hidden Markov models", Machine Learning
    29; Boyen and Koller (1998), "Tractable inference for complex stochastic processes".

    Example:
        >>> from pyro_activeinf.models import TMaze
        >>> filter = FactorizedFilter(TMaze())
        >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> cue = filter.update(filter.predict(start, 3), {"position": 3})
        >>> {name: q.probs.round(decimals=2).tolist() for name, q in cue.marginals.items()}
        {'context': [1.0, 0.0], 'location': [0.0, 0.0, 0.0, 1.0]}
    """

    def __init__(
        self,
        model: Programs,
        max_sweeps: int = 100,
        tolerance: float = 1e-10,
        novelty: TableNovelty | None = None,
    ) -> None:
        require_programs(model, novelty)
        self.max_sweeps = positive_int("max_sweeps", max_sweeps)
        self.tolerance = nonnegative("tolerance", tolerance)
        self._compiled: Compiled | Instead = Compiled(model)
        self.actions = model.actions
        self.novelty = novelty
        self._factors = FactorArrays(self._compiled.tables, novelty)
        self.observation_sites = tuple(site.name for site in self.tables.outcomes)

    @property
    def model(self) -> Programs:
        """The programs that the tables follow."""
        return self._compiled.programs

    @property
    def tables(self) -> Tables:
        """The compiled tables, which follow the parameters of the program."""
        return self._current().tables

    def _current(self) -> FactorArrays:
        tables = self._compiled.tables
        if tables is not self._factors.tables:
            self._factors = FactorArrays(tables, self.novelty)
        return self._factors

    @property
    def scoring_bytes(self) -> int:
        """Memory that predicting and scoring one belief takes."""
        factors = self._current()
        moved = max(motion.numbers for motion in factors.motions)
        scored = factors.scored(self._compiled.preferences(0)).numbers
        numbers = 4 * len(factors.log_initial) + moved + 4 * scored
        return numbers * torch.empty(0, dtype=self.dtype).element_size()

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the beliefs."""
        return self._factors.dtype

    @property
    def device(self) -> torch.device:
        """Device of the beliefs: that of the model."""
        return self._factors.log_initial.device

    def habit(self) -> Mapping[str, Tensor]:
        """Log-probabilities of the model's habit: of ``action`` sites or of ``policy``."""
        return self._compiled.habit()

    @property
    def wishes(self) -> Wishes:
        """What was given, in place of what the model says."""
        return self._compiled.wishes if isinstance(self._compiled, Instead) else NO_WISHES

    @property
    def wished(self) -> tuple[list[str], list[str]]:
        """Names of the sites that the model prefers something of, and of those of its habit."""
        return preferred_sites(self._compiled), list(self._compiled.habit())

    def wishing(self, wishes: Wishes) -> FactorizedFilter:
        """The same filter with other preferences and habits; what was compiled is shared."""
        own = self._compiled.compiled if isinstance(self._compiled, Instead) else self._compiled
        found = copy(self)
        found._compiled = Instead(own, wishes)
        found._factors = FactorArrays(found._compiled.tables, self.novelty)
        return found

    def initial(self, batch_shape: tuple[int, ...] = ()) -> FactorizedBelief:
        """The marginals of p(s_0), before the first observation."""
        factors = self._current()
        log_probs = factors.log_initial.expand(*batch_dims(batch_shape), -1)
        return FactorizedBelief(0, factors.tables.states, log_probs)

    def predict(self, belief: FactorizedBelief, action: Any = None) -> FactorizedBelief:  # type: ignore[override]
        """Marginals of q(s_t | o_{<t}, u_{<t}) from those of q(s_{t-1}).

        Args:
            action: integers that broadcast against the batch (with a last dim for the controls of
                a MultiDiscrete space); ``None`` where the model has no actions.

        Raises:
            ValueError: for an action outside of the space.
        """
        require_belief(belief, FactorizedBelief)
        factors = self._current()
        controls = factors.tables.controls
        return self._moved(belief, action_index(controls, action, self.device))

    def _moved(self, belief: FactorizedBelief, index: Tensor) -> FactorizedBelief:
        """Predict, for positions in the flattened action space, ``(*batch)``."""
        factors = self._current()
        choices = ops.unravel(index, factors.tables.controls)
        moved = propagate(factors.motions, belief.factors, choices)
        gained = moving_novelty(factors.gains, belief.factors, moved, choices)
        batch = torch.broadcast_shapes(belief.batch_shape, index.shape)
        log_probs = torch.cat([q.expand(*batch, -1) for q in moved], -1)
        gained = None if gained is None else gained.expand(batch)
        return FactorizedBelief(belief.step + 1, factors.tables.states, log_probs, gained=gained)

    def update(  # type: ignore[override]
        self, belief: FactorizedBelief, observation: Mapping[str, Any]
    ) -> FactorizedBelief:
        """The product of marginals of least variational free energy, as far as it is found.

        Args:
            observation: site to value ``(*batch, *event)``. A missing one is an absent key, or -1
                or NaN; an uncertain one a ``Categorical`` or a
                :class:`~pyro_activeinf.records.SoftObservation`.

        Raises:
            ValueError: for an unknown site, a value outside of its support, or an observation
                that has probability zero under the belief.
        """
        require_belief(belief, FactorizedBelief)
        factors = self._current()
        by_site("observation", observation, self.observation_sites)
        seen = {part.name: part(observation) for part in factors.evidence}
        evidence = {name: potential for name, potential in seen.items() if potential is not None}
        shapes = (potential.batch_shape for potential in evidence.values())
        batch = torch.broadcast_shapes(belief.batch_shape, *shapes)
        prior = FactorizedBelief(belief.step, belief.sites, belief.log_probs.expand(*batch, -1))
        return self._updated(prior, evidence, observation)

    @property
    def evidence(self) -> tuple[FactorEvidence, ...]:
        """What each observation site, or several that are linked, says of which factors."""
        return self._current().evidence

    @property
    def first(self) -> tuple[FactorMotion, ...]:
        """The tables of ``initial``, in the order of the program."""
        return factor_motions(self.tables, self.tables.initial)

    def _updated(
        self,
        prior: FactorizedBelief,
        evidence: Mapping[str, Potential],
        observation: Mapping[str, Any],
    ) -> FactorizedBelief:
        """Minimize over a flattened batch."""
        batch = prior.batch_shape
        rows = [potential.rows(batch) for potential in evidence.values()]
        joint = LogJoint.of(prior.reshape(-1).factors, rows)
        if bool(joint.impossible.any()):
            raise contradicted(prior, observation, evidence, joint.impossible.reshape(batch))
        found = minimize(joint, self.max_sweeps, self.tolerance)
        if not bool(found.trace[:, -1].isfinite().all()):
            raise unresolved(prior, observation, self.max_sweeps)
        log_probs = torch.cat(found.log_probs, -1).reshape(*batch, -1)
        terms = explained(prior, log_probs, evidence)
        trace, sweeps = found.trace.reshape(*batch, -1), found.sweeps.reshape(batch)
        return replace(prior, log_probs=log_probs, updated=FactorizedUpdate(terms, trace, sweeps))

    def smooth(self, observations: Mapping[str, Any], actions: Any = None) -> FactorizedSmoothing:
        r"""Marginals in hindsight, and those of each site with its parents, for an episode.

        Exact where each site moves by itself and is observed by itself; else as far as products of
        marginals tell, see :func:`~.factorized_smoothing.look_back`.

        Args:
            observations: site to values ``(*batch, time, *event)``.
            actions: ``(*batch, time - 1)`` (a longer one is cut), with a last dim for the
                controls of a MultiDiscrete space.

        Raises:
            ValueError: as for ``update`` and ``predict``, and for series of several lengths.
        """
        by_site("observations", observations, self.observation_sites)
        tables = self.tables
        steps = over_time(tables.outcomes, observations)
        index = actions_over_time(tables.controls, actions, len(steps), self.device)
        beliefs = [self.update(self.initial(), steps[0])]
        for u, seen in zip(index, steps[1:], strict=True):
            beliefs.append(self.update(self._moved(beliefs[-1], u), seen))
        return self._smoothed(beliefs, index)

    def look_back(
        self, before: FactorizedBelief | None, action: Any, after: FactorizedBelief
    ) -> FactorizedSmoothing:
        """The same of two filtered beliefs that follow each other, or of one alone.

        Args:
            before: ``None`` where ``after`` is the first.
            action: the one taken between them, as for :meth:`predict`.

        Raises:
            TypeError: for beliefs of another filter.
        """
        require_belief(after, FactorizedBelief)
        if before is None:
            return self._smoothed([after], [])
        require_belief(before, FactorizedBelief)
        index = action_index(self.tables.controls, action, self.device)
        return self._smoothed([before, after], [index])

    def _smoothed(
        self, beliefs: Sequence[FactorizedBelief], index: Sequence[Tensor]
    ) -> FactorizedSmoothing:
        factors = self._current()
        moves = [
            [Move.of(motion, ops.unravel(u, factors.tables.controls)) for motion in factors.motions]
            for u in index
        ]
        return smoothed(beliefs, moves, self.first)

    def expected_free_energy(self, belief: FactorizedBelief) -> ExpectedFreeEnergyTerms:  # type: ignore[override]
        """Terms of one predicted step: of the outcomes at ``belief.step``, in nats."""
        require_belief(belief, FactorizedBelief)
        preferences = self._compiled.preferences(belief.step)
        terms = self._current().scored(preferences).terms(belief)
        return terms if belief.gained is None else with_novelty(terms, belief.gained)

    def look_ahead(self, belief: FactorizedBelief) -> ExpectedFreeEnergyTerms:  # type: ignore[override]
        """Terms of the next step under every action, ``(*batch, actions)``, in nats."""
        require_belief(belief, FactorizedBelief)
        controls = self.tables.controls
        every = torch.arange(math.prod(controls), device=self.device)
        digits = ops.unravel(every, controls)
        action = torch.stack(digits, -1) if len(controls) > 1 else every if controls else None
        fanned = belief.reshape(*belief.batch_shape, 1)
        return self.expected_free_energy(self.predict(fanned, action))


def explained(
    prior: FactorizedBelief, log_probs: Tensor, evidence: Mapping[str, Potential]
) -> FreeEnergyTerms:
    """Complexity and accuracy of marginals ``(*batch, values)``, in nats."""
    posterior = FactorizedBelief(prior.step, prior.sites, log_probs)
    accuracy = {
        name: ops.exp_dot(posterior.log_product(potential.factors), potential.flat)
        for name, potential in evidence.items()
    }
    complexity = ops.kl(log_probs, prior.log_probs)
    return FreeEnergyTerms(
        complexity, sum(accuracy.values(), torch.zeros_like(complexity)), accuracy
    )


def contradicted(
    prior: FactorizedBelief,
    observation: Mapping[str, Any],
    evidence: Mapping[str, Potential],
    where: Tensor,
) -> ValueError:
    """The error for an observation of probability zero; names the sites that rule it out."""
    alone = {
        name: ops.logsumexp(prior.log_product(potential.factors) + potential.flat, -1).unsqueeze(-1)
        for name, potential in evidence.items()
    }
    only_together = not any(bool((value == -math.inf).any()) for value in alone.values())
    log_prior = torch.where(where & only_together, -math.inf, 0.0).unsqueeze(-1)
    return impossible(log_prior, prior.step, observation, alone)


def unresolved(prior: FactorizedBelief, observation: Mapping[str, Any], sweeps: int) -> ValueError:
    """The error for sites of which no independent marginals can show what was seen."""
    return ValueError(
        complain(
            "observation",
            "one that independent marginals can explain",
            f"{dict(observation)} at time step {prior.step}, for which none were found in "
            f"{sweeps} sweeps",
            "The belief is unchanged. Give the likelihood some noise, raise max_sweeps=, or use "
            "ExactFilter.",
        )
    )
