"""A filter whose expected free energy is estimated in the way that one chooses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .._checks import positive_int
from ..compile import Programs, control_sizes
from ..filters import Filter
from ..filters.base import require_belief
from ..filters.novelty_draws import with_table_novelty
from ..filters.particle import every_action
from ..filters.particle_program import ParticlePrograms
from ..filters.prediction import Estimate, Likelihood, Prediction
from ..records import Belief
from ._states import count_of, states_of
from .choice import choose, outcome_distributions
from .estimator import Estimator
from .novelty import ParameterDraws, with_novelty
from .preferences import Preferences


class Estimated(Filter):
    """A filter that predicts and updates as another one, and scores by an estimator.

    Its beliefs are those of the other filter. Those that are particles are scored as they are;
    others give the estimator what it likes best: the joint states of a discrete belief with their
    probabilities, points that match the moments of a Gaussian one, or draws.

    Args:
        filter: any filter.
        model: the programs, of which ``observe`` is run once for each step that is scored.
        estimator: an :class:`~pyro_activeinf.free_energy.Estimator`; ``None`` to choose one for
            each prediction, see :func:`~pyro_activeinf.free_energy.choose`.
        preferences: a mapping from sites to distributions, or a Pyro program, over outcomes or
            states; ``None`` for the model's own.
        num_particles: draws of a belief that does not consist of particles.
        parameters: values of random parameters to compare, see
            :class:`~pyro_activeinf.free_energy.ParameterDraws`; no novelty of these without.
            Particles carry parameters, other beliefs do not. Tables with counts have novelty
            in any case, by the rule of the other filter.

    Raises:
        ValueError: for a number below one.

    Example:
        >>> from pyro_activeinf.filters import ExactFilter
        >>> from pyro_activeinf.free_energy import Exact
        >>> from pyro_activeinf.models import TMaze
        >>> exact, maze = ExactFilter(TMaze()), TMaze()
        >>> estimated = Estimated(exact, maze, Exact())
        >>> belief = exact.predict(exact.initial(), 3)
        >>> each = [f.expected_free_energy(belief).total for f in (exact, estimated)]
        >>> torch.allclose(*each)
        True
    """

    def __init__(
        self,
        filter: Filter,
        model: Programs,
        estimator: Estimator | None = None,
        preferences: Any = None,
        num_particles: int = 1000,
        parameters: ParameterDraws | None = None,
    ) -> None:
        self.parameters = parameters
        self.filter, self.model, self.estimator = filter, model, estimator
        own = getattr(model, "prefer", None)
        self.preferences = Preferences.of(own if preferences is None else preferences)
        self._replaced = preferences is not None
        self.num_particles = positive_int("num_particles", num_particles)
        self._programs = ParticlePrograms(model)
        self._outcomes = outcome_distributions(model)
        self.actions = filter.actions
        self.observation_sites = filter.observation_sites

    def initial(self, batch_shape: tuple[int, ...] = ()) -> Belief:
        """As of the other filter."""
        return self.filter.initial(batch_shape)

    def predict(self, belief: Belief, action: Any = None) -> Belief:
        """As of the other filter."""
        return self.filter.predict(belief, action)

    def update(self, belief: Belief, observation: Mapping[str, Any]) -> Belief:
        """As of the other filter."""
        return self.filter.update(belief, observation)

    def expected_free_energy(self, belief: Belief) -> Estimate:
        """Terms of one predicted step, ``(*batch)`` in nats, with their standard errors."""
        require_belief(belief, Belief)
        prediction = self.prediction(belief)
        rule, gained = getattr(self.filter, "novelty", None), getattr(belief, "gained", None)
        terms = self.chosen(belief)(prediction)
        estimate = with_table_novelty(terms, prediction, rule, gained)
        if self.parameters is None:
            return estimate
        return with_novelty(estimate, prediction, self.parameters)

    def chosen(self, belief: Belief) -> Estimator:
        """The estimator that such a belief is scored by."""
        return self.estimator or choose(belief, self._outcomes)

    def look_ahead(self, belief: Belief) -> Estimate:
        """Terms of the next step under every action, ``(*batch, actions)``, in nats."""
        require_belief(belief, Belief)
        every = every_action(control_sizes(self.actions), self.device)
        ahead = self.predict(belief.reshape(*belief.batch_shape, 1), every)
        return self.expected_free_energy(ahead)

    def prediction(self, belief: Belief) -> Prediction:
        """What the estimator is given."""
        own = getattr(self.filter, "prediction", None)
        if own is None:
            return self._predicted(belief)
        found: Prediction = own(belief)
        if not self._replaced:
            return found
        return replace(found, log_preference=self.preferences.at(belief.step))

    def _predicted(self, belief: Belief) -> Prediction:
        states = states_of(belief, self.chosen(belief).states, self.num_particles)
        shape = torch.Size([len(states.log_weights), *belief.batch_shape])
        return Prediction(
            step=belief.step,
            states=states.values,
            log_weights=states.log_weights,
            likelihood=Likelihood(self._programs.observe, states.values, shape),
            log_preference=self.preferences.at(belief.step),
            log_density=states.log_density,
            sampled=states.sampled,
        )

    @property
    def scoring_bytes(self) -> int:
        """Memory that predicting and scoring one belief takes."""
        belief = self.filter.initial()
        estimator = self.chosen(belief)
        particles = count_of(belief, estimator.states, self.num_particles)
        numbers = estimator.numbers(particles) + 2 * particles * self._programs.numbers
        return self.filter.scoring_bytes + numbers * self.dtype.itemsize

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the beliefs."""
        return self.filter.dtype

    @property
    def device(self) -> torch.device:
        """Device of the beliefs."""
        return self.filter.device

    def habit(self) -> Mapping[str, Tensor]:
        """As of the other filter."""
        return self.filter.habit()
