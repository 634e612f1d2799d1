"""The generative model: four small Pyro programs, and the unrolled program they make."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from pyro import poutine
from pyro.nn import PyroModule, pyro_method
from torch import Tensor

from ..records import Belief
from .arrays import Arrays, to_arrays
from .unroll import future, unroll


class _ModelMeta(ABCMeta, type(PyroModule)):  # type: ignore[misc]
    """Lets a PyroModule have abstract methods."""


class GenerativeModel(PyroModule, metaclass=_ModelMeta):  # type: ignore[metaclass]
    r"""An active-inference model written as Pyro programs.

    .. math::
        p(o_{0:T}, s_{0:T} | u_{0:T-1}) = p(s_0) \prod_{t=1}^{T} p(s_t|s_{t-1}, u_{t-1})
        \prod_{t=0}^{T} p(o_t|s_t)

    A subclass defines :meth:`initial`, :meth:`transition` and :meth:`observe`, and sets
    ``actions`` to a Gymnasium space (``None`` where there is nothing to choose). It may define

    - ``prefer(self)`` or ``prefer(self, step)``: samples any subset of the observation sites from
      the preferred distribution p~(o); ``step`` is the time index of the outcome;
    - ``habit(self)``: samples ``action`` (``action_0``, .. for several controls) from a prior over
      actions, or ``policy`` from a prior over the planner's policies.

    Programs must broadcast over dims on the left, as for Pyro's parallel enumeration. The state
    may be any structure that the three programs agree on.

    Called with ``(observations, actions)`` the model is a Pyro program for SVI, NUTS and
    ``Predictive``: see :func:`~pyro_activeinf.models.unroll.unroll`. Training it with
    ``pyro.infer.SVI`` follows Pyro's own setting for where parameters live; several models in one
    process want ``pyro.settings.set(module_local_params=True)``.

    Example:
        >>> import torch, pyro, pyro.distributions as dist
        >>> class Coin(GenerativeModel):
        ...     def initial(self):
        ...         return pyro.sample("side", dist.Categorical(torch.ones(2) / 2))
        ...     def transition(self, side, action):
        ...         return pyro.sample("side", dist.Categorical(torch.eye(2)[side]))
        ...     def observe(self, side):
        ...         pyro.sample("seen", dist.Bernoulli(torch.tensor([0.1, 0.9])[side]))
        >>> trace = poutine.trace(Coin()).get_trace({"seen": torch.tensor([1.0, 0.0])})
        >>> [name for name in trace.stochastic_nodes + trace.observation_nodes]
        ['side_0', 'side_1', 'seen_0', 'seen_1']
    """

    actions: gym.Space[Any] | None = None

    @abstractmethod
    def initial(self) -> Any:
        """p(s_0): samples the state sites and returns the state."""

    @abstractmethod
    def transition(self, state: Any, action: Any) -> Any:
        """p(s_t | s_{t-1}, u_{t-1}): samples the same sites and returns the state."""

    @abstractmethod
    def observe(self, state: Any) -> Any:
        """p(o_t | s_t): samples the observation sites."""

    def forward(
        self, observations: Mapping[str, Any] | None = None, actions: Any = None
    ) -> list[Any]:
        """Run the unrolled, conditioned program; returns the states over time."""
        return unroll(self, observations, actions)

    @pyro_method
    def future(self, belief: Belief, policy: Any) -> list[Any]:
        """Sample states and outcomes of a policy from a belief on, unconditioned."""
        return future(self, belief, policy)

    def to_arrays(self, steps: int | None = None) -> Arrays:
        """The arrays A, B, C, D, E of a discrete program; see :func:`~.arrays.to_arrays`."""
        return to_arrays(self, steps)

    def state(self, values: Mapping[str, Tensor]) -> Any:
        """The state structure in which the state sites have these values."""
        conditioned = poutine.condition(self.initial, data=dict(values))
        with poutine.block():
            return conditioned()
