"""A fully observed continuous world whose dynamics are learned while one lives in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor
from torch.nn.functional import softplus

from .._checks import complain, positive, positive_int
from .base import GenerativeModel
from .neural_heads import Ensemble
from .neural_views import action_features, action_width
from .preferences import LogDensity

LEAST_NOISE = 0.01  # of a usual step: the dynamics are never believed to be more exact


class NeuralDynamics(GenerativeModel):
    r"""The state is what is observed, up to a small noise; networks say how it moves.

    .. math::
        s_{t+1} \sim N\big(s_t + d \, f_k(z_t, u_t), \; d^2 \sigma_k^2(z_t, u_t)\big), \qquad
        z_t = (s_t - m) / c, \qquad o_t \sim N(s_t, r^2 c^2), \qquad k \sim U\{1, .., K\}

    State site ``s`` and observation site ``o`` of shape ``(n,)``. The location m and scale c of
    states and the scale d of steps are buffers, to be read off the data (:meth:`calibrate`), so
    that networks meet numbers of size one. The member k of the ensemble is the uncertainty about
    parameters. Since a transition is seen, its free energy is known: see :meth:`surprise`.

    Args:
        observations: a ``Box`` of shape ``(n,)``.
        actions: a ``Discrete`` or ``Box`` space; the numbers of a bounded ``Box`` are taken
            from -1 to 1.
        hidden_dims: sizes of the hidden layers of each network.
        uncertainty: an :class:`~pyro_activeinf.models.Ensemble`.
        preferences: a distribution over ``o``, or a function from observations ``(*batch, n)``
            to log-preferences ``(*batch)``; ``None`` for no preferences.
        sensor: r, the noise of the sensor as a share of the scale of states.

    Raises:
        ValueError: for a space of another kind, or a noise that is none.
        TypeError: for an uncertainty that is no ensemble.

    Reference: Chua, Calandra, McAllister and Levine (2018), "Deep reinforcement learning in a
    handful of trials using probabilistic dynamics models", sec. 4.

    Example:
        >>> place = gym.spaces.Box(-1.0, 1.0, (2,))
        >>> model = NeuralDynamics(place, gym.spaces.Box(-1.0, 1.0, (1,)))
        >>> states = model({"o": torch.zeros(10, 4, 2)}, torch.zeros(10, 3, 1))
        >>> len(states), tuple(states[0].shape)
        (4, (10, 2))
    """

    def __init__(
        self,
        observations: gym.Space[Any],
        actions: gym.Space[Any],
        hidden_dims: Sequence[int] = (32, 32),
        uncertainty: Ensemble | None = None,
        preferences: Any = None,
        sensor: float = 0.01,
    ) -> None:
        super().__init__()
        n = _length(observations)
        hidden = [positive_int("hidden_dims", width) for width in hidden_dims]
        self.uncertainty = Ensemble(5) if uncertainty is None else uncertainty
        if not isinstance(self.uncertainty, Ensemble):
            raise TypeError(complain("uncertainty", "Ensemble(members)", repr(uncertainty)))
        self.actions, self.preferences = actions, _preferences(preferences)
        self.dynamics = self.uncertainty.network([n + action_width(actions), *hidden, 2 * n])
        self.sensor = positive("sensor", sensor)
        for name, value in (("center", 0.0), ("scale", 1.0), ("step_scale", 1.0)):
            self.register_buffer(name, torch.full((n,), value))

    def calibrate(self, before: Tensor, after: Tensor) -> None:
        """Read location and scale of states and of steps off transitions ``(rows, n)`` each."""
        # Replaced, not written into: what was computed with the old ones keeps its gradients.
        self.center, self.scale = before.mean(0), _scale(before)
        self.step_scale = _scale(after - before)

    def initial(self) -> Tensor:
        """About where states usually are."""
        return pyro.sample("s", dist.Normal(self.center, self.scale).to_event(1))

    def transition(self, state: Tensor, action: Tensor) -> Tensor:
        """Where one member of the ensemble says that the state moves."""
        loc, scale = self._moved(state, self.dynamics(self.inputs(state, action)))
        return pyro.sample("s", dist.Normal(loc, scale).to_event(1))

    def observe(self, state: Tensor) -> None:
        """The state, nearly."""
        pyro.sample("o", dist.Normal(state, self.sensor * self.scale).to_event(1))

    def prefer(self) -> None:
        """The preferences as given."""
        if self.preferences is not None:
            pyro.sample("o", self.preferences)

    def inputs(self, state: Tensor, action: Tensor) -> Tensor:
        """What the networks are shown, ``(*batch, features)``."""
        where, what = (state - self.center) / self.scale, self._features(action).to(state)
        batch = torch.broadcast_shapes(where.shape[:-1], what.shape[:-1])
        return torch.cat([x.expand(*batch, x.shape[-1]) for x in (where, what)], -1)

    def _features(self, action: Tensor) -> Tensor:
        features = action_features(self.actions, action)
        if isinstance(self.actions, gym.spaces.Box) and self.actions.is_bounded():
            low, high = (torch.as_tensor(x).flatten() for x in _bounds(self.actions))
            return (2 * features - (high + low)) / (high - low)
        return features

    def _moved(self, state: Tensor, said: Tensor) -> tuple[Tensor, Tensor]:
        step, raw = said.chunk(2, -1)
        scale = self.step_scale * (softplus(raw - 1.0) + LEAST_NOISE)
        return state + self.step_scale * step, scale

    def members(self, state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of p(s' | s, u, k) for each member k.

        Args:
            state: ``(members, rows, n)``: each member its own.
            action: ``(rows, *event)``, or ``(members, rows, *event)``.
        """
        networks: Any = self.dynamics.perceptrons
        return self._moved(state, networks.together(self.inputs(state, action)))

    def surprise(self, before: Tensor, action: Tensor, after: Tensor) -> Tensor:
        r"""Free energy of seen transitions under each member, ``(members, rows)``, in nats.

        .. math:: F = -\log p(s' | s, u, k), \quad s = o

        Args:
            before: ``(members, rows, n)``.
            action: ``(members, rows, *event)``.
            after: ``(members, rows, n)``.
        """
        loc, scale = self.members(before, action)
        found: Tensor = -dist.Normal(loc, scale, validate_args=False).log_prob(after).sum(-1)
        return found


def _length(observations: gym.Space[Any]) -> int:
    if not isinstance(observations, gym.spaces.Box) or len(observations.shape) != 1:
        expected = "a Box of shape (n,)"
        way_out = "Flatten it with gymnasium.wrappers.FlattenObservation."
        raise ValueError(complain("observations", expected, observations, way_out))
    return observations.shape[0]


def _preferences(given: Any) -> Any:
    callable_only = isinstance(given, Callable) and not hasattr(given, "log_prob")  # type: ignore[arg-type]
    return LogDensity(given, 1) if callable_only else given


def _bounds(space: gym.spaces.Box) -> tuple[Any, Any]:
    return space.low, space.high


def _scale(rows: Tensor) -> Tensor:
    """Standard deviations, none of them zero."""
    found = rows.std(0, unbiased=False)
    return torch.where(found > 1e-8, found, torch.ones_like(found))
