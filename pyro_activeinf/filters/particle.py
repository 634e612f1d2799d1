"""The particle filter: any program, any sites, by sampling."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor

from .. import ops
from .._checks import batch_dims, by_site, complain, one_batch, positive_int
from ..compile import Programs, Wishes, compile_habit, control_sizes
from ..compile.wishes import Shape
from ..models.series import Observed
from ..records import ExpectedFreeEnergyTerms
from .base import WishingFilter, require_belief
from .nested import nested_terms
from .novelty_draws import with_table_novelty
from .particle_belief import Kind, Origin, ParticleBelief
from .particle_guide import Proposal
from .particle_program import ParticlePrograms
from .particle_smoothing import PathSmoothing, simulated_back
from .particle_update import weighed
from .prediction import Likelihood, Prediction
from .resampling import Resampling, as_resampling
from .sampling import Sampler, log_prob


class ParticleFilter(WishingFilter):
    r"""Sequential Monte Carlo over the states of any program.

    .. math::
        s_t^i \sim q(s_t | s_{t-1}^i, u_{t-1}, o_t), \qquad
        w_t^i \propto w_{t-1}^i \frac{p(o_t|s_t^i) \, p(s_t^i|s_{t-1}^i, u_{t-1})}
                                     {q(s_t^i | s_{t-1}^i, u_{t-1}, o_t)}, \qquad
        \hat p(o_t | o_{<t}) = \sum_i w_{t-1}^i \frac{p(o_t|s_t^i) p(s_t^i|..)}{q(s_t^i|..)}

    Sites may be real or discrete, of any distribution; all particles of all members of a batch
    are moved by one call of ``transition`` and weighed by one of ``observe``. Random parameters
    (``PyroSample`` attributes) are drawn once for each particle, from what the guide has learned
    of them where there is a guide, and carried along. First states of finite sites are drawn in
    shares as even as they can be; standard errors, which count on independent draws, are then on
    the safe side.

    Gradients flow to actions and parameters through sites that are reparameterized, and not
    through the choice of ancestors.

    Args:
        model: a :class:`~pyro_activeinf.GenerativeModel`, or any object with its programs.
        guide: a :class:`~pyro_activeinf.RecognitionGuide` whose ``recognize`` proposes the next
            state, knowing what was observed; ``None`` for the model's own transition (the
            bootstrap filter).
        num_particles: number of particles.
        estimator: from a :class:`~.prediction.Prediction` to an :class:`~.prediction.Estimate` of
            expected free energy; ``None`` for :func:`~.nested.nested_terms` over the particles.
        resampling: when and how to resample; a number for
            :class:`~.resampling.Systematic` below that fraction of the particles.

    Raises:
        TypeError: where ``model``, ``guide`` or ``estimator`` is none.
        ValueError: for a wrong number, a guide that reads the whole series, a program without
            sites.

    Reference: Gordon, Salmond and Smith (1993); Doucet and Johansen (2011), "A tutorial on
    particle filtering and smoothing".

    Example:
        >>> import pyro
        >>> from pyro_activeinf.models import LinearGaussian
        >>> _ = pyro.set_rng_seed(0)
        >>> one = torch.eye(1)
        >>> filter = ParticleFilter(LinearGaussian(one, Q=one, R=one), num_particles=10_000)
        >>> belief = filter.update(filter.initial(), {"o": torch.tensor([2.0])})
        >>> truth = 0.5 * math.log(2 * math.pi * 2) + 1.0
        >>> abs(belief.free_energy.item() - truth) < 3 * belief.evidence_error.item()
        True
        >>> round(belief.marginals["s"].mean.item(), 1)
        1.0
    """

    def __init__(
        self,
        model: Programs,
        guide: Any = None,
        num_particles: int = 1000,
        estimator: Callable[[Prediction], ExpectedFreeEnergyTerms] | None = None,
        *,
        resampling: Resampling | float = 0.5,
    ) -> None:
        if isinstance(model, type) or not hasattr(model, "transition"):
            raise TypeError(
                complain(
                    "model",
                    "a model with initial, transition and observe",
                    repr(model),
                    "Hand in an instance: ParticleFilter(LinearGaussian(A)).",
                )
            )
        if not (estimator is None or callable(estimator)):
            raise TypeError(
                complain("estimator", "an Estimator, such as Nested(), or None", repr(estimator))
            )
        self.model, self.guide, self.estimator = model, guide, estimator
        self.num_particles = positive_int("num_particles", num_particles)
        self.actions = model.actions
        self.resampling = as_resampling(resampling)
        self._programs = ParticlePrograms(model)
        self._proposal = None if guide is None else Proposal(self._programs, guide)
        self.observation_sites = tuple(self._programs.outcomes)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled as what it is made of."""
        make = partial(ParticleFilter, resampling=self.resampling)
        return make, (self.model, self.guide, self.num_particles, self.estimator)

    @property
    def scoring_bytes(self) -> int:
        """Memory that predicting and scoring one belief takes, but for pairs of particles."""
        return self.num_particles * (self._programs.numbers + 8) * self.dtype.itemsize

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the beliefs."""
        return self._programs.dtype

    @property
    def device(self) -> torch.device:
        """Device of the beliefs: that of the model."""
        return self._programs.device

    def habit(self) -> Mapping[str, Tensor]:
        """Log-probabilities of the model's habit over finite actions; else nothing."""
        finite = isinstance(self.actions, gym.spaces.Discrete | gym.spaces.MultiDiscrete)
        own = compile_habit(self.model, control_sizes(self.actions)) if finite else {}
        return {**own, **self._programs.wishes.log_habit}

    @property
    def wishes(self) -> Wishes:
        """What was given, in place of what the model says."""
        return self._programs.wishes

    @property
    def wished(self) -> tuple[list[str], list[str]]:
        """Names of the sites that the model prefers something of, and of those of its habit."""
        return list(self._programs.preferred()), list(self._usual())

    def wishing(self, wishes: Wishes) -> ParticleFilter:
        """The same filter with other preferences and habits."""
        found = object.__new__(ParticleFilter)
        found.__dict__.update(self.__dict__)
        found._programs = self._programs.wishing(wishes, self._usual())
        return found

    def _usual(self) -> dict[str, Shape]:
        """Sites of the habit."""
        if isinstance(self.actions, gym.spaces.Box):
            some = getattr(self.model, "habit", None) is not None
            return {"action": torch.Size(self.actions.shape)} if some else {}
        return {name: len(log_probs) for name, log_probs in self.habit().items()}

    def initial(self, batch_shape: tuple[int, ...] = ()) -> ParticleBelief:
        """Draws of p(s_0), before the first observation."""
        return self.given({}, batch_shape)

    def given(
        self, values: Mapping[str, Tensor], batch_shape: tuple[int, ...] = ()
    ) -> ParticleBelief:
        """Draws of p(s_0) where some of its sites are known, ``(*batch, *event)``."""
        batch = torch.Size(batch_dims(batch_shape))
        shape = torch.Size((self.num_particles, *batch))
        learned = None if self._proposal is None else self._proposal.parameters(shape)
        parameters = self._programs.draw_parameters(shape) if learned is None else learned
        states = self._programs.initial(shape, parameters, values)
        equal = torch.full(
            (self.num_particles, *[1] * len(batch)),
            -math.log(self.num_particles),
            dtype=self.dtype,
            device=self.device,
        )
        kinds, start = self._programs.kinds, Origin(None, None, 0)
        return ParticleBelief(0, batch, kinds, states, equal, parameters, start)

    def predict(self, belief: ParticleBelief, action: Any = None) -> ParticleBelief:  # type: ignore[override]
        """Draws of q(s_t | o_{<t}, u_{<t}): each particle moves by ``transition``.

        Args:
            action: ``(*batch, *event)``, which broadcasts against the batch; integers of a finite
                space, numbers of a ``Box``, ``None`` where the model has no actions.

        Raises:
            ValueError: for an action that does not fit the space, or batch dims that do not fit.
        """
        require_belief(belief, ParticleBelief)
        move, event = self._programs.action(action)
        moving = torch.Size() if move is None else move.shape[: move.dim() - event]
        before = belief.widened(_one_batch(belief=belief.batch, action=moving))
        sampler = Sampler(before.shape, parameters=before.parameters)
        sampler.run(self._programs.transition(move), before.states)
        return replace(
            before,
            step=belief.step + 1,
            states=self._programs.full(sampler.values, "transition"),
            origin=Origin(before.states, move, event),
            weighing=None,
            ancestors=None,
        )

    def update(self, belief: ParticleBelief, observation: Mapping[str, Any]) -> ParticleBelief:  # type: ignore[override]
        """Weigh particles by what was observed, those of the guide where there is one; resample.

        Args:
            observation: site to value ``(*batch, *event)``. A missing one is an absent key, NaN
                (real) or -1 (discrete), in part of the batch too.

        Raises:
            ValueError: for an unknown site, a value outside of its support, or an observation
                that has probability zero for every particle. The belief stays as it was.
        """
        require_belief(belief, ParticleBelief)
        by_site("observation", observation, self.observation_sites)
        return self._update(belief, self._programs.observed(observation))

    def _update(self, belief: ParticleBelief, seen: Mapping[str, Observed]) -> ParticleBelief:
        shapes = {name: values.missing.shape for name, values in seen.items()}
        belief = belief.widened(_one_batch(belief=belief.batch, **shapes))
        prior = belief.log_weights.expand(belief.shape)
        if self._proposal is not None and belief.origin is not None and seen:
            states, correction = self._proposal(belief, belief.origin, seen)
            belief, prior = replace(belief, states=states), prior + correction
        each = self._programs.log_likelihoods(belief, seen)
        return weighed(belief, prior, each, seen, self.resampling)

    def first_densities(self, belief: ParticleBelief) -> dict[str, Tensor]:
        """log p of each site of first states, given those before, ``(particles, *batch)``."""
        sampler = Sampler(belief.shape, belief.states, belief.parameters)
        sampler.run(self._programs.call, self.model.initial)
        each = sampler.sites.items()
        return {n: log_prob(fn, belief.states[n]).expand(belief.shape) for n, fn in each}

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What each observation site is like."""
        return self._programs.outcomes

    @property
    def state_kinds(self) -> Mapping[str, Kind]:
        """What each state site is like."""
        return self._programs.states

    def log_likelihoods(
        self, belief: ParticleBelief, observation: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """log p(o|s) of each site that was seen, ``(particles, *batch)``, in nats."""
        by_site("observation", observation, self.observation_sites)
        seen = self._programs.observed(observation)
        return self._programs.log_likelihoods(belief, seen)

    def shown(self, belief: ParticleBelief) -> Likelihood:
        """What each particle shows: distributions of the observation sites."""
        programs = self._programs
        return Likelihood(
            programs.observe,
            belief.states,
            belief.shape,
            parameters=belief.parameters,
            linked=programs.linked_outcomes,
        )

    def prediction(self, belief: ParticleBelief) -> Prediction:
        """What an estimator of expected free energy is given, of the outcomes at its step."""
        programs, origin = self._programs, belief.origin
        moved = None if origin is None or origin.states is None else partial(self._moves, belief)
        return Prediction(
            belief.step,
            belief.states,
            belief.log_weights,
            self.shown(belief),
            partial(programs.log_preference, belief.step),
            moved,
            None if moved is None else partial(self._log_density, belief),
            counted_moves=programs.counted_states,
        )

    def _moves(self, belief: ParticleBelief) -> Likelihood:
        """p(s_t | s_{t-1}, u, theta) of each particle of a predicted belief."""
        origin = belief.origin
        if origin is None or origin.states is None:
            raise ValueError(complain("belief", "one that was predicted", f"step {belief.step}"))
        return Likelihood(
            self._programs.transition(origin.action),
            origin.states,
            belief.shape,
            parameters=belief.parameters,
            linked=self._programs.linked_states,
            given=belief.states,
        )

    def _log_density(self, belief: ParticleBelief) -> Tensor:
        """log q(s_t) of each particle, a mixture over where it may have come from."""
        moves = self._moves(belief)
        pairs = sum(moves.cross(moves.sample()).values(), belief.log_weights.unsqueeze(0))
        return ops.logsumexp(pairs, 1)

    def expected_free_energy(self, belief: ParticleBelief) -> ExpectedFreeEnergyTerms:  # type: ignore[override]
        """Terms of one predicted step: of the outcomes at ``belief.step``, in nats."""
        require_belief(belief, ParticleBelief)
        estimator = nested_terms if self.estimator is None else self.estimator
        prediction = self.prediction(belief)
        return with_table_novelty(estimator(prediction), prediction)

    def look_ahead(self, belief: ParticleBelief) -> ExpectedFreeEnergyTerms:  # type: ignore[override]
        """Terms of the next step under every action of a finite space, ``(*batch, actions)``.

        Raises:
            ValueError: for a space of real numbers.
        """
        require_belief(belief, ParticleBelief)
        if isinstance(self.actions, gym.spaces.Box):
            raise ValueError(
                complain(
                    "actions",
                    "a finite space, to look at every action",
                    self.actions,
                    "Plan real-valued actions with planning.Variational or planning.CrossEntropy.",
                )
            )
        controls = control_sizes(self.actions)
        ahead = belief.reshape(*belief.batch_shape, 1)
        return self.expected_free_energy(self.predict(ahead, every_action(controls, self.device)))

    def smooth(self, observations: Mapping[str, Any], actions: Any = None) -> PathSmoothing:
        r"""Draws from :math:`q(s_{0:T} | o_{0:T})` for a whole episode, by backward simulation.

        As many paths as there are particles. Going back from the last step, the state before is
        drawn among the filter's particles, in proportion to their weight times the density of
        moving on to where the path is. Where no particle can have moved there but its own
        ancestor, that one is taken.

        Args:
            observations: site to values ``(*batch, time, *event)``.
            actions: ``(*batch, time - 1, *event)`` (a longer one is cut).

        Reference: Godsill, Doucet and West (2004), "Monte Carlo smoothing for nonlinear time
        series".
        """
        by_site("observations", observations, self.observation_sites)
        series = self._programs.laid_out(observations, actions)
        belief, beliefs = self.initial(tuple(series.batch)), []
        for t in range(series.steps):
            if t:
                belief = self.predict(belief, series.action(t - 1))
            belief = self._update(belief, self._programs.placed(series.observed(t)))
            beliefs.append(belief)
        moves = [self._programs.transition(series.action(t)) for t in range(series.steps - 1)]
        return simulated_back(beliefs, moves, self._programs.linked_states)


def _one_batch(**shapes: torch.Size) -> torch.Size:
    with one_batch(**shapes):
        return torch.broadcast_shapes(*shapes.values())


def every_action(controls: Sequence[int], device: torch.device) -> Tensor | None:
    """Every action of a finite space, ``(actions)`` or ``(actions, controls)``, last fastest.

    Example:
        >>> every_action([2, 2], torch.device("cpu")).tolist()
        [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    if not controls:
        return None
    index = torch.arange(math.prod(controls), device=device)
    each = ops.unravel(index, controls)
    return torch.stack(each, -1) if len(controls) > 1 else index
