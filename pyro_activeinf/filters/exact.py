"""The exact filter of a discrete program: joint states, any dependence, any batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .. import ops
from .._checks import batch_dims, by_site, one_batch
from ..compile import Compiled, Instead, Programs, Table, Tables, Wishes, preferred_sites
from ..compile.wishes import NO_WISHES
from ..records import ExpectedFreeEnergyTerms, PrefixTerms
from .base import (
    Branches,
    BranchingFilter,
    SweepingFilter,
    WishingFilter,
    require_belief,
    require_programs,
)
from .bayes import conditioned
from .belief import Evidence, JointBelief
from .channel import Channel
from .joint import Dynamics
from .joint_arrays import JointArrays
from .motion import action_index, actions_over_time, by_action, fan_out, single_action
from .novelty_rules import TableNovelty
from .novelty_tables import with_novelty
from .smoothing import Smoothing, backward
from .sweep import Prefixes, sweep


class ExactFilter(BranchingFilter, SweepingFilter, WishingFilter):
    r"""Exact inference over the joint state of a discrete program.

    .. math::
        q(s_t) \propto p(o_t|s_t) \sum_{s_{t-1}} p(s_t|s_{t-1}, u_{t-1}) q(s_{t-1}), \qquad
        F = -\log p(o_t | o_{<t})

    Args:
        model: a :class:`~pyro_activeinf.GenerativeModel`, or any object with its programs.
        joint_outcomes: score the information in all observation sites together (the mutual
            information of states and joint outcomes). ``False`` adds it up over sites, as pymdp
            does: an upper bound, which counts redundant sites twice.
        novelty: what draws from tables with counts tell about them; their exact mutual information
            by default, or :class:`~.novelty_rules.InverseCounts` for the approximation of the
            literature.

    Raises:
        ValueError: where a program does not compile, or the joint state space is too large.
        TypeError: for a model or a rule of novelty that is none.

    Reference: Friston et al. (2017), "Active inference: a process theory", Neural Computation 29;
    Rabiner (1989) for filtering and smoothing.

    Example:
        >>> from pyro_activeinf.models import POMDP
        >>> model = POMDP(A=[torch.tensor([[0.9, 0.2], [0.1, 0.8]])], B=[torch.eye(2)[..., None]])
        >>> filter = ExactFilter(model)
        >>> belief = filter.update(filter.initial(), {"o0": 0})
        >>> belief.marginals["s0"].probs.round(decimals=3).tolist()
        [0.818, 0.182]
        >>> round(belief.free_energy.item(), 3)  # -log 0.55
        0.598
    """

    def __init__(
        self, model: Programs, joint_outcomes: bool = True, novelty: TableNovelty | None = None
    ) -> None:
        require_programs(model, novelty)
        self._compiled: Compiled | Instead = Compiled(model)
        self.joint_outcomes = joint_outcomes
        self.actions = model.actions
        self.novelty = novelty
        self.channel: Channel | None = None
        self._arrays = JointArrays(self._compiled.tables, novelty)
        self.observation_sites = tuple(site.name for site in self.tables.outcomes)
        self._compiled.preferences(0)  # a program that does not fit is refused at once

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled as what it is made of; tables are compiled anew."""
        made = ExactFilter, (self._compiled.programs, self.joint_outcomes, self.novelty)
        if isinstance(self._compiled, Instead):
            return _wishing, (*made, self._compiled.wishes)
        return made

    @property
    def wishes(self) -> Wishes:
        """What was given, in place of what the model says."""
        return self._compiled.wishes if isinstance(self._compiled, Instead) else NO_WISHES

    @property
    def wished(self) -> tuple[list[str], list[str]]:
        """Names of the sites that the model prefers something of, and of those of its habit."""
        return preferred_sites(self._compiled), list(self._compiled.habit())

    def wishing(self, wishes: Wishes) -> ExactFilter:
        """The same filter with other preferences and habits; what was compiled is shared.

        Raises:
            ValueError: for a site of which the model wishes nothing, or another number of values.
        """
        own = self._compiled.compiled if isinstance(self._compiled, Instead) else self._compiled
        found = object.__new__(ExactFilter)
        found.__dict__.update(self.__dict__)
        found._compiled = Instead(own, wishes)
        found._arrays = JointArrays(found._compiled.tables, self.novelty, self.channel)
        return found

    def through(self, channel: Channel) -> ExactFilter:
        """The same filter, which scores some sites by what a level below reports of them."""
        found = object.__new__(ExactFilter)
        found.__dict__.update(self.__dict__)
        found.channel = channel
        found._arrays = JointArrays(self._compiled.tables, self.novelty, channel)
        return found

    @property
    def model(self) -> Programs:
        """The programs that the tables follow."""
        return self._compiled.programs

    @property
    def tables(self) -> Tables:
        """The compiled tables, which follow the parameters of the program."""
        return self._current().tables

    def _current(self) -> JointArrays:
        tables, arrays = self._compiled.tables, self._arrays
        if tables is not arrays.tables:
            arrays = self._arrays = JointArrays(tables, self.novelty, self.channel)
        return arrays

    @property
    def scoring_bytes(self) -> int:
        """Memory that predicting and scoring one belief takes."""
        arrays = self._current()
        columns = arrays.outcomes(self.joint_outcomes).likelihood.shape[-1]
        return (2 * arrays.tables.joint_size + 4 * columns) * self.dtype.itemsize

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the beliefs."""
        return self._arrays.dynamics.log_initial.dtype

    @property
    def device(self) -> torch.device:
        """Device of the beliefs: that of the model."""
        return self._arrays.dynamics.log_initial.device

    def habit(self) -> Mapping[str, Tensor]:
        """Log-probabilities of the model's habit: of ``action`` sites or of ``policy``."""
        return self._compiled.habit()

    def preferences(self, step: int) -> tuple[Table, ...]:
        """Tables of the log-preferences over outcomes at a time step, in nats."""
        return self._compiled.preferences(step)

    def initial(self, batch_shape: tuple[int, ...] = ()) -> JointBelief:
        """p(s_0), before the first observation."""
        arrays, batch_shape = self._current(), batch_dims(batch_shape)
        log_initial = arrays.dynamics.log_initial
        log_probs = log_initial.expand(*batch_shape, *log_initial.shape)
        return JointBelief(0, arrays.tables.states, log_probs_=log_probs)

    def predict(self, belief: JointBelief, action: Any = None) -> JointBelief:  # type: ignore[override]
        """q(s_t | o_{<t}, u_{<t}) from q(s_{t-1}).

        Args:
            action: integers that broadcast against the batch (with a last dim for the controls of
                a MultiDiscrete space); ``None`` where the model has no actions.

        Raises:
            ValueError: for an action outside of the space.
        """
        require_belief(belief, JointBelief)
        arrays = self._current()
        choice = single_action(arrays.tables.controls, action)
        floor = belief.outlasts(arrays.dynamics.smallest)
        if choice is not None and floor is not None:
            matrix, probs = arrays.dynamics.each[choice], belief.probs
            probs = torch.mv(matrix.T, probs) if probs.dim() == 1 else probs @ matrix
            moved = JointBelief(belief.step + 1, arrays.tables.states, probs, floor=floor)
            gained = arrays.gained
            return moved if gained is None else replace(moved, gained=belief.probs @ gained[choice])
        index = action_index(arrays.tables.controls, action, self.device)
        with one_batch(belief=belief.batch_shape, action=index.shape):
            after = self._moved(belief, index, arrays.dynamics)
        if arrays.gained is not None:
            columns = arrays.gained.unsqueeze(-1)
            after["gained"] = by_action(belief.probs, index, columns, torch.matmul).squeeze(-1)
        return JointBelief(belief.step + 1, arrays.tables.states, **after)

    def _moved(self, belief: JointBelief, index: Tensor, dynamics: Dynamics) -> dict[str, Any]:
        """Probabilities of the next states, or their logarithms where those would underflow."""
        floor = belief.outlasts(dynamics.smallest)
        if floor is not None:
            probs = by_action(belief.probs, index, dynamics.transition, torch.matmul)
            return {"probs_": probs, "floor": floor}
        if belief.smallest() + dynamics.smallest >= ops.least_log(torch.float64):
            wide = belief.log_probs.double().exp()
            moved = by_action(wide, index, dynamics.wide_transition, torch.matmul)
            return {"log_probs_": ops.log(moved).to(dynamics.transition.dtype)}
        log_probs = by_action(belief.log_probs, index, dynamics.log_transition, ops.log_vecmat)
        return {"log_probs_": log_probs}

    def update(self, belief: JointBelief, observation: Mapping[str, Any]) -> JointBelief:  # type: ignore[override]
        """q(s_t | o_{<=t}) by Bayes' rule, the minimum of variational free energy.

        Args:
            observation: site to value ``(*batch, *event)``. A missing one is an absent key, or -1
                or NaN; an uncertain one a ``Categorical`` or a
                :class:`~pyro_activeinf.records.SoftObservation`.

        Raises:
            ValueError: for an unknown site, a value outside of its support, or an observation
                that has probability zero under the belief.
        """
        require_belief(belief, JointBelief)
        arrays = self._current()
        found = self._by_product(belief, observation, arrays)
        if found is not None:
            return found
        by_site("observation", observation, self.observation_sites)
        return conditioned(belief, observation, arrays.likelihoods(observation))

    def _by_product(
        self, belief: JointBelief, observation: Mapping[str, Any], arrays: JointArrays
    ) -> JointBelief | None:
        """Multiply probabilities; ``None`` where that could go wrong, or needs to be explained."""
        plain = arrays.likelihoods.plain(observation)
        if plain is None:
            return None
        floor, prior = belief.outlasts(plain.smallest), belief.probs
        if floor is None or (plain.product.dim() > 1 and plain.product.shape != prior.shape):
            return None
        joint = prior * plain.product
        evidence = prior @ plain.product if joint.dim() == 1 else joint.sum(-1)
        if not plain.possible and ops.any_equal(evidence, 0.0):
            return None
        return JointBelief(
            belief.step,
            arrays.tables.states,
            probs_=joint / (evidence.unsqueeze(-1) if evidence.dim() else evidence),
            evidence=Evidence(prior, plain.each, evidence, in_logs=False),
            floor=floor,
        )

    def expected_free_energy(self, belief: JointBelief) -> ExpectedFreeEnergyTerms:  # type: ignore[override]
        """Terms of one predicted step: of the outcomes at ``belief.step``, in nats."""
        require_belief(belief, JointBelief)
        arrays = self._current()
        preferences = self._compiled.preferences(belief.step)
        terms = arrays.scored(self.joint_outcomes, preferences)[0].terms(belief.probs)
        return terms if belief.gained is None else with_novelty(terms, belief.gained)

    def look_ahead(self, belief: JointBelief) -> ExpectedFreeEnergyTerms:  # type: ignore[override]
        """Terms of the next step under every action, ``(*batch, actions)``, in nats."""
        require_belief(belief, JointBelief)
        arrays = self._current()
        preferences = self._compiled.preferences(belief.step + 1)
        scored, ahead = arrays.scored(self.joint_outcomes, preferences)
        probs = belief.probs
        if ahead is None:
            terms = scored.terms(fan_out(probs, arrays.dynamics.transition, torch.matmul))
            gained = arrays.gained
            return terms if gained is None else with_novelty(terms, probs @ gained.T)
        return ExpectedFreeEnergyTerms(ahead.from_beliefs(probs), self.observation_sites)

    def sweep(self, belief: JointBelief, prefixes: Prefixes) -> PrefixTerms | None:  # type: ignore[override]
        """Terms of every prefix, in one product or in one for each depth."""
        arrays = self._current()
        preferences = self._compiled.preferences(belief.step + 1)
        scored, ahead = arrays.scored(self.joint_outcomes, preferences)
        if self.stationary and not arrays.learned:
            whole = arrays.unrolled(scored, prefixes)
            if whole is not None:
                return whole(belief.probs)
        if ahead is None or not all(prefixes.complete):
            return None
        steps = range(belief.step + 1, belief.step + 1 + len(prefixes.actions))
        looks = [
            arrays.scored(self.joint_outcomes, self._compiled.preferences(step))[1]
            for step in steps
        ]
        values = sweep(belief.probs, [look for look in looks if look is not None], arrays.move)
        return ExpectedFreeEnergyTerms(values, self.observation_sites)

    def log_likelihoods(self, observation: Mapping[str, Any]) -> dict[str, Tensor]:
        """log p(o | s) of each site that was seen, ``(*batch, states)``; linked ones together."""
        by_site("observation", observation, self.observation_sites)
        return self._current().likelihoods(observation)

    @property
    def joint_likelihood(self) -> Tensor:
        """p(o | s) of the joint outcomes that some state can show, ``(states, outcomes)``."""
        return self._current().joint_likelihood

    def worth(self, step: int) -> tuple[Tensor, Tensor]:
        """Expected log-preference in each state, and the mass at -inf, ``(states)``."""
        scored = self._current().scored(self.joint_outcomes, self._compiled.preferences(step))[0]
        value = scored.worth[:, 0]
        return value, torch.zeros_like(value) if scored.forbidden is None else scored.forbidden[
            :, 0
        ]

    @property
    def log_transition(self) -> Tensor:
        """log p(s' | s, u) of the joint state, ``(actions, states, next states)``."""
        return self._current().dynamics.log_transition

    @property
    def transition(self) -> Tensor:
        """p(s' | s, u) of the joint state, ``(actions, states, next states)``."""
        return self._current().dynamics.transition

    @property
    def stationary(self) -> bool:
        """Whether preferences are the same at every time step."""
        return self._compiled.stationary

    @property
    def version(self) -> object:
        """The tables: another object whenever the model has changed."""
        return self.tables

    def pack(self, belief: JointBelief, predicted: bool = False) -> Tensor:  # type: ignore[override]
        """Probabilities of the joint states, ``(*batch, states)``, and the novelty of a move."""
        if not predicted or belief.gained is None:
            return belief.probs
        return torch.cat([belief.probs, belief.gained.unsqueeze(-1)], -1)

    def unpack(self, packed: Tensor, step: int) -> JointBelief:
        """The beliefs that :meth:`pack` wrote, about a time step."""
        tables = self._arrays.tables
        probs, rest = packed[..., : tables.joint_size], packed[..., tables.joint_size :]
        gained = rest[..., 0] if rest.shape[-1] else None
        return JointBelief(step, tables.states, probs_=probs, gained=gained)

    def branch(self, belief: JointBelief, threshold: float) -> Branches:  # type: ignore[override]
        """Every joint outcome of more than ``threshold`` probability, for beliefs ``(n,)``."""
        likelihood = self._current().joint_likelihood
        probs = belief.probs @ likelihood
        kept = probs > threshold
        parents, outcomes = kept.nonzero(as_tuple=True)
        joint = belief.probs[parents] * likelihood.T[outcomes]
        mass = joint.sum(-1, keepdim=True)
        cut = torch.where(kept, 0.0, probs).sum(-1)
        return Branches(parents, probs[kept], joint / mass, cut)

    def smooth(self, observations: Mapping[str, Any], actions: Any = None) -> Smoothing:
        r"""q(s_t | o_{0..T}) and q(s_t, s_{t+1} | o_{0..T}) for a whole episode.

        Args:
            observations: site to values ``(*batch, time, *event)``.
            actions: ``(*batch, time - 1)`` (a longer one is cut), with a last dim for the
                controls of a MultiDiscrete space.
        """
        arrays = self._current()
        by_site("observations", observations, self.observation_sites)
        steps = arrays.likelihoods.over_time(observations)
        index = actions_over_time(arrays.tables.controls, actions, len(steps), self.device)
        matrices = [arrays.dynamics.log_transition[u] for u in index]
        beliefs = [self.update(self.initial(), steps[0])]
        for t, matrix in enumerate(matrices, 1):
            log_prior = ops.log_vecmat(beliefs[-1].log_probs, matrix)
            belief = JointBelief(t, arrays.tables.states, log_probs_=log_prior)
            beliefs.append(self.update(belief, steps[t]))
        return backward(beliefs, matrices)

    def look_back(self, before: JointBelief | None, action: Any, after: JointBelief) -> Smoothing:
        """q(s_{t-1}, s_t | o_{<=t}) of two filtered beliefs that follow each other, or of one.

        Args:
            before: ``None`` where ``after`` is the first.
            action: the one taken between them, as for :meth:`predict`.

        Raises:
            TypeError: for beliefs of another filter.
        """
        require_belief(after, JointBelief)
        if before is None:
            return backward([after], [])
        require_belief(before, JointBelief)
        index = action_index(self.tables.controls, action, self.device)
        return backward([before, after], [self._current().dynamics.log_transition[index]])


def _wishing(kind: type[ExactFilter], arguments: tuple[Any, ...], wishes: Wishes) -> ExactFilter:
    return kind(*arguments).wishing(wishes)
