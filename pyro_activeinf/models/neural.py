"""A latent state-space model made of neural networks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.nn import pyro_method
from torch import Tensor, nn
from torch.nn.functional import softplus

from .._checks import complain, positive_int
from .base import GenerativeModel
from .neural_heads import Certain, Uncertainty
from .neural_views import action_features, action_width, views

SMALLEST_SCALE = 1e-3


class Neural(GenerativeModel):
    r"""A continuous latent state, with a neural transition and a neural likelihood.

    .. math::
        s_0 \sim N(m, \sigma_0^2), \qquad
        s_{t+1} \sim N(s_t + f_\theta(s_t, u_t), \sigma_\theta^2(s_t, u_t)), \qquad
        o_t \sim p(o_t | g(s_t))

    State site ``s`` of shape ``(state_dim,)``. An observation site of a ``Box`` is Gaussian about
    what the network says, with a learned scale for each number; one of a ``Discrete`` space is
    categorical. A ``Dict`` space makes a site for each of its keys, any other the site ``o``.

    **Information about parameters.** With ``uncertainty=Ensemble(5)`` or ``Bayesian()``
    the parameters :math:`\theta` of the transition are random (sites ``dynamics.member``, or
    ``dynamics.weight`` and ``dynamics.bias``), drawn once for an episode. What a transition
    would tell of them is the disagreement between draws, :meth:`novelty`; for an ensemble, whose
    draws are all its members,

    .. math:: I(\theta; s' | s, u) = H\Big[\tfrac1K \sum_k p(s'|s,u,\theta_k)\Big]
              - \tfrac1K \sum_k H[p(s'|s,u,\theta_k)] .

    Args:
        state_dim: length of the state.
        observations: number of real observed values, or a Gymnasium space.
        actions: a ``Discrete`` or ``Box`` space; ``None`` where there is nothing to choose.
        hidden_dims: sizes of the hidden layers of each network.
        uncertainty: ``Certain()``, ``Ensemble(members)`` or ``Bayesian(scale)``.

    Raises:
        ValueError: for a space of another kind, or sizes below one.
        TypeError: for sizes or an uncertainty that are none.

    Reference: Krishnan, Shalit and Sontag (2017), "Structured inference networks for nonlinear
    state space models"; Shyam, Jaskowski and Gomez (2019) and Pathak, Gandhi and Gupta (2019)
    for the disagreement of an ensemble.

    Example:
        >>> from pyro_activeinf.models import Ensemble
        >>> model = Neural(2, 3, gym.spaces.Discrete(4), uncertainty=Ensemble(5))
        >>> states = model({"o": torch.zeros(10, 6, 3)}, torch.zeros(10, 5))
        >>> len(states), tuple(states[0].shape)
        (6, (10, 2))
        >>> tuple(model.novelty(states[0], torch.zeros(10)).shape)
        (10,)
    """

    def __init__(
        self,
        state_dim: int,
        observations: int | gym.Space[Any],
        actions: gym.Space[Any] | None = None,
        hidden_dims: Sequence[int] = (32,),
        uncertainty: Uncertainty | None = None,
    ) -> None:
        super().__init__()
        size = positive_int("state_dim", state_dim)
        if not isinstance(hidden_dims, Sequence):
            raise TypeError(complain("hidden_dims", "a sequence of sizes", repr(hidden_dims)))
        hidden = [positive_int("hidden_dims", width) for width in hidden_dims]
        if not isinstance(uncertainty, Uncertainty | None):
            expected = "Certain(), Ensemble(members), Bayesian(scale) or None"
            raise TypeError(complain("uncertainty", expected, repr(uncertainty)))
        self.actions = actions
        self.uncertainty = uncertainty or Certain()
        width = size + action_width(actions)
        self.start = nn.Parameter(torch.stack([torch.zeros(size), torch.full((size,), 0.5)]))
        self.dynamics = self.uncertainty.network([width, *hidden, 2 * size])
        self.views = nn.ModuleList(views(observations, [size, *hidden]))

    def initial(self) -> Tensor:
        """A Gaussian that is learned."""
        loc, raw = self.start
        return pyro.sample("s", _gaussian(loc, raw))

    def transition(self, state: Tensor, action: Tensor | None) -> Tensor:
        """A Gaussian about the state, moved by the network."""
        return pyro.sample("s", self._moved(state, action))

    def observe(self, state: Tensor) -> None:
        """Each site by a network of its own."""
        for view in self.views:
            pyro.sample(str(view.name), view(state))

    def _moved(self, state: Tensor, action: Tensor | None) -> Any:
        inputs = state if action is None else _joined(state, action_features(self.actions, action))
        step, raw = self.dynamics(inputs).chunk(2, -1)
        return _gaussian(state + step, raw - 1.0)

    @pyro_method
    def next_state(self, state: Tensor, action: Tensor | None) -> Any:
        """p(s' | s, u), the parameters being sampled (or conditioned on) in passing."""
        return self._moved(state, action)

    def predictions(
        self,
        state: Tensor,
        action: Tensor | None = None,
        parameters: Mapping[str, Tensor] | None = None,
    ) -> Any:
        """p(s' | s, u, theta) for several draws of the parameters.

        Args:
            state: ``(*batch, state_dim)``.
            action: ``(*batch, *event)``.
            parameters: site to draws ``(draws, *event)``, such as
                ``guide.random_parameters.draw(n)``; for an ensemble, all members if left out.

        Returns:
            A distribution of batch shape ``(draws, *batch)``.

        Raises:
            ValueError: where the model has random parameters and no draws of them are given.
        """
        own = {f"dynamics.{name}": draws for name, draws in self.uncertainty.draws().items()}
        draws = own if parameters is None else dict(parameters)
        known = self._random_sites()
        if draws.keys() != known.keys() or not known:
            raise ValueError(
                complain(
                    "parameters",
                    f"draws of {list(known)}",
                    list(draws),
                    "Give the model uncertainty=Ensemble(5), or hand over "
                    "guide.random_parameters.draw(n).",
                )
            )
        batch = state.dim() - 1
        spread = {name: _spread(value, known[name], batch) for name, value in draws.items()}
        with poutine.block(), poutine.condition(data=spread):
            return self.next_state(state, action)

    def _random_sites(self) -> dict[str, int]:
        """Names of the random parameters of the dynamics, with their event dims."""
        priors: dict[str, Any] = dict(self.dynamics._pyro_samples)
        return {f"dynamics.{name}": prior.event_dim for name, prior in priors.items()}

    def novelty(
        self,
        state: Tensor,
        action: Tensor | None = None,
        parameters: Mapping[str, Tensor] | None = None,
        samples: int = 32,
    ) -> Tensor:
        r"""Information that the next state gives about the parameters, ``(*batch)``, in nats.

        The mutual information of the draw and of s', each draw being as likely, by Monte Carlo:
        exact in expectation for an ensemble, and at most ``log draws``.

        Args:
            state: ``(*batch, state_dim)``.
            action: ``(*batch, *event)``.
            parameters: as for :meth:`predictions`.
            samples: next states for each draw.
        """
        return disagreement(self.predictions(state, action, parameters), samples)


def disagreement(predictions: Any, samples: int = 32) -> Tensor:
    r"""Jensen-Shannon divergence of distributions of batch shape ``(draws, *batch)``, in nats.

    .. math:: \frac1K \sum_k E_{p_k}\Big[\log p_k(x) - \log \tfrac1K \sum_j p_j(x)\Big]

    Example:
        >>> same = dist.Normal(torch.zeros(3, 1), 1.0).to_event(1)
        >>> round(disagreement(same).item(), 6)
        0.0
    """
    draws = predictions.batch_shape[0]
    values = predictions.rsample((samples,))  # (samples, draws, *batch, *event)
    under_each = predictions.log_prob(values.unsqueeze(2))  # (samples, draws, draws, *batch)
    mixture = under_each.logsumexp(2) - math.log(draws)
    return (predictions.log_prob(values) - mixture).mean((0, 1))


def _gaussian(loc: Tensor, raw: Tensor) -> Any:
    return dist.Normal(loc, softplus(raw) + SMALLEST_SCALE).to_event(1)


def _spread(value: Tensor, event_dim: int, batch_dims: int) -> Tensor:
    """Draws ``(draws, *event)`` to stand beside a batch: ``(draws, 1, .., *event)``."""
    event = value.shape[value.dim() - event_dim :]
    return value.reshape(*value.shape[: value.dim() - event_dim], *[1] * batch_dims, *event)


def _joined(state: Tensor, features: Tensor) -> Tensor:
    batch = torch.broadcast_shapes(state.shape[:-1], features.shape[:-1])
    return torch.cat([x.expand(*batch, x.shape[-1]) for x in (state, features)], -1)
