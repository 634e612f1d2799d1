"""Linear dynamics with Gaussian noise: the model whose posterior is known in closed form."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from .._checks import complain, numbers, positive
from .base import GenerativeModel


class LinearGaussian(GenerativeModel):
    r"""Linear dynamics, linear observations, Gaussian noise.

    .. math::
        s_0 \sim N(m, P), \qquad s_{t+1} = A s_t + B u_t + w, \quad w \sim N(0, Q), \qquad
        o_t = C s_t + d + v, \quad v \sim N(0, R)

    State site ``s`` of shape ``(n,)``, observation site ``o`` of shape ``(m,)``; actions are in a
    ``gymnasium.spaces.Box`` of shape ``(k,)``, ``None`` without B. Preferences, where they are
    given, are a Gaussian over ``o``. All arrays are buffers; to learn one, set
    ``model.A = torch.nn.Parameter(model.A)``, a ``PyroParam`` (with
    ``constraints.positive_definite`` for Q, R and cov) or a ``PyroSample`` prior.

    Args:
        A: ``(n, n)``, how the state moves by itself.
        B: ``(n, k)``, what actions do to it.
        C: ``(m, n)``, how it shows; the identity if left out.
        Q: ``(n, n)``, covariance of the noise of the dynamics; the identity if left out.
        R: ``(m, m)``, covariance of the noise of observations; the identity if left out.
        mean: ``(n,)``, of the first state; 0 if left out.
        cov: ``(n, n)``, of the first state; the identity if left out.
        offset: ``(m,)``, d; 0 if left out.
        goal: ``(m,)``, the mean of preferred observations; ``None`` for no preferences.
        goal_cov: ``(m, m)``, their covariance; the identity if left out.
        bound: the largest absolute value of an action, in each coordinate.

    Raises:
        ValueError: for arrays whose shapes do not fit, or covariances that are none.

    Reference: Kalman (1960), "A new approach to linear filtering and prediction problems".

    Example:
        >>> walk = LinearGaussian(torch.eye(2), B=torch.eye(2), C=torch.tensor([[1.0, 0.0]]))
        >>> walk.actions.shape
        (2,)
        >>> states = walk({"o": torch.zeros(5, 3, 1)}, torch.zeros(5, 2, 2))
        >>> [tuple(state.shape) for state in states]
        [(5, 2), (5, 2), (5, 2)]
    """

    def __init__(  # noqa: PLR0913 (the arrays of the literature)
        self,
        A: Any,
        B: Any = None,
        C: Any = None,
        Q: Any = None,
        R: Any = None,
        mean: Any = None,
        cov: Any = None,
        *,
        offset: Any = None,
        goal: Any = None,
        goal_cov: Any = None,
        bound: float = 1.0,
    ) -> None:
        super().__init__()
        n = _real("A", A).shape[-1]
        m = n if C is None else _real("C", C).shape[0]
        self._hold("A", A, (n, n))
        self._hold("C", C, (m, n))
        self._hold("Q", Q, (n, n))
        self._hold("R", R, (m, m))
        self._hold("mean", mean, (n,))
        self._hold("cov", cov, (n, n))
        self._hold("offset", offset, (m,))
        for name in ("Q", "R", "cov"):
            _require_covariance(name, getattr(self, name))
        self._control(B, n, bound)
        self._aim(goal, goal_cov, m)

    def _hold(self, name: str, value: Any, shape: tuple[int, ...]) -> None:
        self.register_buffer(name, _array(name, value, shape))

    def _control(self, B: Any, n: int, bound: float) -> None:
        self.actions = None
        if B is not None:
            self._hold("B", B, (n, _real("B", B).shape[-1]))
            controls = (self.B.shape[-1],)
            limit = positive("bound", bound)
            self.actions = gym.spaces.Box(-limit, limit, controls, np.float32)

    def _aim(self, goal: Any, goal_cov: Any, m: int) -> None:
        self.register_buffer("goal", None)
        if goal is not None:
            self._hold("goal", goal, (m,))
            self._hold("goal_cov", goal_cov, (m, m))
            _require_covariance("goal_cov", self.goal_cov)

    def initial(self) -> Tensor:
        """The first state."""
        return pyro.sample("s", dist.MultivariateNormal(self.mean, self.cov))

    def transition(self, state: Tensor, action: Tensor | None) -> Tensor:
        """Where the state moves."""
        loc = _apply(self.A, state)
        if action is not None:
            loc = loc + _apply(self.B, action.to(loc))
        return pyro.sample("s", dist.MultivariateNormal(loc, self.Q))

    def observe(self, state: Tensor) -> None:
        """How it shows."""
        loc = _apply(self.C, state) + self.offset
        pyro.sample("o", dist.MultivariateNormal(loc, self.R))

    def prefer(self) -> None:
        """A Gaussian about the goal, where there is one."""
        if self.goal is not None:
            pyro.sample("o", dist.MultivariateNormal(self.goal, self.goal_cov))


def _apply(matrix: Tensor, vector: Tensor) -> Tensor:
    """Matrix times vector; batch dims of both broadcast."""
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def _real(name: str, value: Any) -> Tensor:
    return numbers(name, value).to(torch.get_default_dtype())


def _array(name: str, value: Any, shape: tuple[int, ...]) -> Tensor:
    """The value, or the identity (zeros, for a vector), checked for its shape."""
    if value is None:
        return torch.eye(*shape) if len(shape) == 2 else torch.zeros(shape)
    array = _real(name, value)
    if array.shape != shape or not bool(array.isfinite().all()):
        raise ValueError(
            complain(name, f"finite numbers of shape {shape}", f"shape {tuple(array.shape)}")
        )
    return array.clone()


def _require_covariance(name: str, matrix: Tensor) -> None:
    symmetric = torch.allclose(matrix, matrix.mT)
    if not symmetric or bool(torch.linalg.cholesky_ex(matrix).info):
        raise ValueError(
            complain(
                name,
                "a symmetric positive definite matrix",
                matrix.tolist(),
                "Where a coordinate has no noise, give it a small variance.",
            )
        )
