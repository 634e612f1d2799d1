"""The exact posterior of a discrete program, as a Pyro guide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..filters import ExactFilter, Smoothing
from ..filters.products import picked
from ..models import GenerativeModel
from ..models.series import Series, observation_sites
from ..models.unroll import over_time, summed_out
from ._chain import HiddenOutcomes, sample_chain
from .base import Guide
from .sites import latent, quiet, state_sites

State = tuple[dict[str, Tensor], Tensor]  # values of the state sites, index of the joint state


class Exact(Guide):
    r"""The smoothing posterior of a compiled discrete program.

    .. math::
        q(s_{0:T}) = p(s_{0:T} | o_{0:T}, u_{0:T-1}) = q(s_0) \prod_{t=1}^{T} q(s_t | s_{t-1}),
        \qquad F = -\log p(o_{0:T} | u_{0:T-1})

    Forward filtering and backward smoothing give :math:`q(s_t | s_{t-1}) = q(s_{t-1}, s_t) /
    q(s_{t-1})`, with all observations in it; a state of several sites is sampled one site after
    the other.
    Under any ELBO every sample gives F exactly; under ``Trace_ELBO`` its gradient is that of
    -log evidence without variance too. The guide has no parameters: it follows the model's.

    Args:
        model: a discrete model.

    Raises:
        ValueError: where the program does not compile, the joint state space is too large, or
            the observations have probability zero.

    Reference: Rabiner (1989), for forward filtering; Carter and Kohn (1994), for sampling backward.

    Example:
        >>> from pyro.infer import Trace_ELBO
        >>> from pyro_activeinf.models import Tiger
        >>> model = Tiger()
        >>> heard = {"growl": torch.tensor([0, 0, 1])}, torch.tensor([0, 0])
        >>> F = Trace_ELBO().differentiable_loss(model, Exact(model), *heard)
        >>> bool(torch.isclose(F, ExactFilter(model).smooth(*heard).free_energy))
        True
    """

    def __init__(self, model: GenerativeModel) -> None:
        super().__init__(model)
        self._filter = ExactFilter(model)
        found = state_sites(model)
        seen = quiet(model.observe, found.state)
        self._random = frozenset(found.first), frozenset(found.later)  # the rest is certain
        self._random_outcomes = frozenset(latent(seen))

    def posterior(
        self, observations: Mapping[str, Any] | None = None, actions: Any = None
    ) -> Smoothing:
        """The posteriors that the guide samples from; their ``free_energy`` is -log evidence."""
        return self._smooth(self.series(observations, actions), observations)

    def forward(
        self, observations: Mapping[str, Any] | None = None, actions: Any = None
    ) -> list[dict[str, Tensor]]:
        """Sample the states of an episode; returns the values of their sites over time."""
        series = self.series(observations, actions)
        smoothing = self._smooth(series, observations)
        states = over_time(range(series.steps), series.batch, self._steps(series, smoothing))
        return [values for values, _ in states]

    def _smooth(self, series: Series, observations: Any) -> Smoothing:
        moves = series.actions
        if moves is None and self.model.actions is not None:  # a single step
            moves = torch.zeros(0, *(self.model.actions.shape or ()), dtype=torch.long)
        return self._filter.smooth(observations or self._nothing(series), moves)

    def _nothing(self, series: Series) -> dict[str, Tensor]:
        """Observations that are all missing."""
        site = self._filter.tables.outcomes[0]
        shape = (*series.batch, series.steps, *site.support.shape[1:])
        return {site.name: torch.full(shape, -1)}

    def _steps(self, series: Series, smoothing: Smoothing) -> Callable[[int, State | None], State]:
        hidden = HiddenOutcomes(self._filter.tables)
        sites = {} if series.observations is None else observation_sites(self.model)

        def step(t: int, previous: State | None) -> State:
            rows = smoothing.log_probs[..., 0, :]
            if previous is not None:
                rows = picked(_conditional(smoothing, t), previous[1])
            values, state = sample_chain(smoothing.sites, rows, self._random[min(t, 1)])
            observed = series.observed(t)
            missing = summed_out(observed, sites)
            hidden.sample(state, observed, missing, self._random_outcomes)
            return values, state

        return step


def _conditional(smoothing: Smoothing, t: int) -> Tensor:
    """log q(s_t | s_{t-1}), ``(*batch, states, next states)``; zeros where s_{t-1} cannot be."""
    before = smoothing.log_probs[..., t - 1, :].unsqueeze(-1)
    possible = before > -torch.inf
    pair = torch.where(possible, smoothing.log_pairwise[..., t - 1, :, :], 0.0)
    return pair - torch.where(possible, before, 0.0)
