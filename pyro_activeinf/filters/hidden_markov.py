"""Exact inference over discrete states that are seen through outcomes of any kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from .. import ops
from .._checks import by_site, complain, one_batch, positive_int
from ..compile import Programs, Tables, Wishes, control_sizes
from ..compile.wishes import Shape
from ..models.series import Observed
from ..records import ExpectedFreeEnergyTerms
from .base import WishingFilter, require_belief
from .bayes import conditioned
from .belief import JointBelief
from .exact import ExactFilter
from .motion import action_index
from .nested import nested_terms
from .novelty_draws import with_table_novelty
from .particle import every_action
from .particle_belief import Kind, ParticleBelief
from .particle_program import ParticlePrograms
from .prediction import Likelihood, Prediction
from .smoothing import Smoothing, backward


class _Unseen:
    """The programs that move the states of a model, of which nothing is seen."""

    def __init__(self, model: Programs) -> None:
        self.model, self.actions = model, model.actions
        self.initial, self.transition = model.initial, model.transition
        if (habit := getattr(model, "habit", None)) is not None:
            self.habit = habit

    def observe(self, state: Any) -> None:
        """One outcome that tells nothing."""
        pyro.sample("nothing", dist.Categorical(torch.ones(1)))


class HiddenMarkovFilter(WishingFilter):
    r"""Exact inference over discrete states, whatever the outcomes: real, counts, or discrete.

    .. math::
        q(s_t) \propto p(o_t|s_t) \sum_{s_{t-1}} p(s_t|s_{t-1}, u_{t-1}) q(s_{t-1}), \qquad
        F = -\log p(o_t | o_{<t})

    States are summed over as by :class:`ExactFilter`, which is to be preferred where outcomes are
    discrete, too. ``observe`` is run at every joint state, and asked for densities. Beliefs have no
    noise; expected free energy has that of drawn outcomes, each held against the whole mixture of
    states, so that it is not biased. Without noise: ``free_energy.Mixed()`` as ``estimator``, or
    :class:`~pyro_activeinf.ExpectedFreeEnergy`, which takes it by itself.

    Args:
        model: a :class:`~pyro_activeinf.GenerativeModel`, or any object with its programs.
        estimator: from a :class:`~.prediction.Prediction` of all joint states to expected free
            energy; ``None`` for draws.
        num_draws: outcomes that are drawn for each step that is scored, about.

    Raises:
        TypeError: where ``model`` or ``estimator`` is none.
        ValueError: for a state site that is not discrete, or a joint state space too large.

    Reference: Rabiner (1989), "A tutorial on hidden Markov models", sec. III and IV.

    Example:
        >>> class Weather:
        ...     actions = None
        ...     def initial(self):
        ...         return pyro.sample("wet", dist.Bernoulli(torch.tensor(0.5)))
        ...     def transition(self, wet, action):
        ...         return pyro.sample("wet", dist.Bernoulli(0.1 + 0.8 * wet))
        ...     def observe(self, wet):
        ...         pyro.sample("gauge", dist.Normal(2.0 * wet, 1.0))
        >>> filter = HiddenMarkovFilter(Weather())
        >>> belief = filter.update(filter.initial(), {"gauge": torch.tensor(1.5)})
        >>> round(belief.marginals["wet"].probs[1].item(), 4)  # 1 / (1 + exp(-1))
        0.7311
    """

    def __init__(
        self,
        model: Programs,
        estimator: Callable[[Prediction], ExpectedFreeEnergyTerms] | None = None,
        num_draws: int = 500,
    ) -> None:
        if isinstance(model, type) or not hasattr(model, "transition"):
            expected = "a model with initial, transition and observe"
            raise TypeError(complain("model", expected, repr(model), "Hand in an instance."))
        if not (estimator is None or callable(estimator)):
            raise TypeError(complain("estimator", "an Estimator or None", repr(estimator)))
        self.model, self.estimator = model, estimator
        self.num_draws = positive_int("num_draws", num_draws)
        self._states = ExactFilter(_Unseen(model))
        self._programs = ParticlePrograms(model)
        self.actions = model.actions
        self.observation_sites = tuple(self._programs.outcomes)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled as what it is made of."""
        return HiddenMarkovFilter, (self.model, self.estimator, self.num_draws)

    @property
    def scoring_bytes(self) -> int:
        """Memory that predicting and scoring one belief takes, but for pairs of draws."""
        numbers = (self.num_draws + self._states.tables.joint_size) * (self._programs.numbers + 8)
        return self._states.scoring_bytes + numbers * self.dtype.itemsize

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the beliefs."""
        return self._states.dtype

    @property
    def device(self) -> torch.device:
        """Device of the beliefs: that of the model."""
        return self._states.device

    def habit(self) -> Mapping[str, Tensor]:
        """Log-probabilities of the model's habit: of ``action`` sites or of ``policy``."""
        return {**self._states.habit(), **self._programs.wishes.log_habit}

    @property
    def tables(self) -> Tables:
        """The compiled tables of the states; they have no outcomes of the model."""
        return self._states.tables

    @property
    def log_transition(self) -> Tensor:
        """log p(s' | s, u) of the joint state, ``(actions, states, next states)``."""
        return self._states.log_transition

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What each observation site is like."""
        return self._programs.outcomes

    def log_likelihoods(self, observation: Mapping[str, Any]) -> dict[str, Tensor]:
        """log p(o | s) of each site that was seen, ``(*batch, states)``."""
        by_site("observation", observation, self.observation_sites)
        return self._log_likelihoods(self.initial(), self._programs.observed(observation))

    def shown(self) -> Likelihood:
        """What each joint state shows: distributions of the observation sites, ``(states)``."""
        states = self._support(0)
        return Likelihood(self._programs.observe, states, (self.tables.joint_size,))

    @property
    def wishes(self) -> Wishes:
        """What was given, in place of what the model says."""
        return self._programs.wishes

    @property
    def wished(self) -> tuple[list[str], list[str]]:
        """Names of the sites that the model prefers something of, and of those of its habit."""
        return list(self._programs.preferred()), list(self.habit())

    def wishing(self, wishes: Wishes) -> HiddenMarkovFilter:
        """The same filter with other preferences and habits."""
        found = object.__new__(HiddenMarkovFilter)
        found.__dict__.update(self.__dict__)
        usual: dict[str, Shape] = {name: len(each) for name, each in self.habit().items()}
        found._programs = self._programs.wishing(wishes, usual)
        return found

    def initial(self, batch_shape: tuple[int, ...] = ()) -> JointBelief:
        """p(s_0), before the first observation."""
        return self._states.initial(batch_shape)

    def predict(self, belief: JointBelief, action: Any = None) -> JointBelief:  # type: ignore[override]
        """q(s_t | o_{<t}, u_{<t}) from q(s_{t-1}), as by :meth:`ExactFilter.predict`."""
        return self._states.predict(belief, action)

    def update(self, belief: JointBelief, observation: Mapping[str, Any]) -> JointBelief:  # type: ignore[override]
        """q(s_t | o_{<=t}) by Bayes' rule, the minimum of variational free energy.

        Args:
            observation: site to value ``(*batch, *event)``. A missing one is an absent key, NaN
                (real) or -1 (discrete), in part of the batch too.

        Raises:
            ValueError: for an unknown site, a value outside of its support, or an observation
                that has probability zero under the belief.
        """
        require_belief(belief, JointBelief)
        by_site("observation", observation, self.observation_sites)
        seen = self._programs.observed(observation)
        return conditioned(belief, observation, self._log_likelihoods(belief, seen))

    def expected_free_energy(self, belief: JointBelief) -> ExpectedFreeEnergyTerms:  # type: ignore[override]
        """Terms of one predicted step: of the outcomes at ``belief.step``, in nats."""
        require_belief(belief, JointBelief)
        draws = -(-self.num_draws // belief.probs.shape[-1]) if self.estimator is None else 1
        prediction = self._prediction(belief, draws)
        terms = (self.estimator or nested_terms)(prediction)
        return with_table_novelty(terms, prediction, gained=belief.gained)

    def look_ahead(self, belief: JointBelief) -> ExpectedFreeEnergyTerms:  # type: ignore[override]
        """Terms of the next step under every action, ``(*batch, actions)``, in nats."""
        require_belief(belief, JointBelief)
        every = every_action(control_sizes(self.actions), self.device)
        return self.expected_free_energy(
            self.predict(belief.reshape(*belief.batch_shape, 1), every)
        )

    def smooth(self, observations: Mapping[str, Any], actions: Any = None) -> Smoothing:
        """q(s_t | o_{0..T}) and q(s_t, s_{t+1} | o_{0..T}) for a whole episode.

        Args:
            observations: site to values ``(*batch, time, *event)``.
            actions: ``(*batch, time - 1)`` (a longer one is cut), with a last dim for the
                controls of a MultiDiscrete space.
        """
        by_site("observations", observations, self.observation_sites)
        series = self._programs.laid_out(observations, actions)
        controls = control_sizes(self.actions)
        belief = self.initial(tuple(series.batch))
        beliefs: list[JointBelief] = []
        matrices: list[Tensor] = []
        for t in range(series.steps):
            if t:
                index = action_index(controls, series.action(t - 1), self.device)
                matrices.append(self._states.log_transition[index])
                belief = self.predict(beliefs[-1], series.action(t - 1))
            seen = self._programs.placed(series.observed(t))
            values = {name: each.values for name, each in seen.items()}
            beliefs.append(conditioned(belief, values, self._log_likelihoods(belief, seen)))
        return backward(beliefs, matrices)

    def _log_likelihoods(
        self, belief: JointBelief, seen: Mapping[str, Observed]
    ) -> dict[str, Tensor]:
        """log p(o|s) of each observed site, ``(*batch, states)``."""
        with one_batch(
            belief=belief.batch_shape, **{name: each.missing.shape for name, each in seen.items()}
        ):
            batch = torch.broadcast_shapes(
                belief.batch_shape, *(each.missing.shape for each in seen.values())
            )
        states, kinds = self._support(len(batch)), self._programs.kinds
        weights = torch.zeros(belief.probs.shape[-1], *[1] * len(batch), dtype=self.dtype)
        every = ParticleBelief(belief.step, batch, kinds, states, weights.to(self.device))
        found = self._programs.log_likelihoods(every, seen)
        return {name: each.movedim(0, -1) for name, each in found.items()}

    def _support(self, batch_dims: int) -> dict[str, Tensor]:
        """Every joint state: site to ``(states, 1.., *event)``."""
        sites = self._states.tables.states
        each = ops.unravel(torch.arange(math.prod(s.size for s in sites)), [s.size for s in sites])
        return {
            site.name: site.support[index].reshape(-1, *[1] * batch_dims, *site.support.shape[1:])
            for site, index in zip(sites, each, strict=True)
        }

    def _prediction(self, belief: JointBelief, copies: int) -> Prediction:
        """All joint states, each of them so many times."""
        support = self._support(len(belief.batch_shape))
        states = {name: value.repeat_interleave(copies, 0) for name, value in support.items()}
        log_weights = belief.log_probs.movedim(-1, 0).repeat_interleave(copies, 0)
        return Prediction(
            step=belief.step,
            states=states,
            log_weights=log_weights - math.log(copies),
            likelihood=Likelihood(self._programs.observe, states, log_weights.shape),
            log_preference=lambda values: self._programs.log_preference(belief.step, values),
            sampled=copies > 1,
        )
