"""A linear-Gaussian problem as arrays, and our side of it; cpomdp's is in ``peer_cpomdp.py``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ..filters import GaussianBelief, GaussianFilter
from ..models import GenerativeModel
from ..planning import OpenLoop
from ..records import PolicyPosterior
from .task import Timed
from .worlds import Array

ARRAYS = ("A", "B", "C", "Q", "R", "mean", "cov", "goal", "precision", "pushes")


@dataclass(frozen=True)
class Cart:
    """s' = A s + B u + N(0, Q), o = C s + N(0, R); u is one of ``pushes``; o* is preferred."""

    A: Array  # (states, states)
    B: Array  # (states, controls)
    C: Array  # (outcomes, states)
    Q: Array  # (states, states)
    R: Array  # (outcomes, outcomes)
    mean: Array  # (states,): of the belief to plan from
    cov: Array  # (states, states)
    goal: Array  # (outcomes,): o*
    precision: Array  # (outcomes, outcomes): inverse covariance of the preference
    pushes: Array  # (actions, controls)

    @property
    def states(self) -> int:
        """Number of coordinates of the state."""
        return len(self.A)

    def to_json(self, batch: int) -> dict[str, Any]:
        """Arrays as lists."""
        return {name: getattr(self, name).tolist() for name in ARRAYS}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Cart:
        """The problem of a JSON text."""
        return cls(**{name: np.array(content[name], dtype=np.float64) for name in ARRAYS})


def cart(step: float = 0.1) -> Cart:
    """A mass with place and speed, pushed with one of five strengths; both are seen."""
    return Cart(
        A=np.array([[1.0, step], [0.0, 1.0]]),
        B=np.array([[0.0], [step]]),
        C=np.eye(2),
        Q=np.diag([1e-3, 1e-2]),
        R=np.array([[0.04, 0.01], [0.01, 0.09]]),
        mean=np.array([0.3, -0.2]),
        cov=np.array([[0.5, 0.1], [0.1, 0.4]]),
        goal=np.array([1.0, 0.0]),
        precision=np.array([[2.0, 0.3], [0.3, 0.5]]),
        pushes=np.linspace(-2.0, 2.0, 5)[:, None],
    )


class CartModel(GenerativeModel):
    """The problem as a program, in double precision."""

    def __init__(self, cart: Cart) -> None:
        super().__init__()
        for name in ARRAYS:
            self.register_buffer(name, torch.tensor(getattr(cart, name), dtype=torch.float64))
        self.actions = gym.spaces.Discrete(len(cart.pushes))

    def initial(self) -> Tensor:
        """The belief to plan from."""
        return pyro.sample("s", dist.MultivariateNormal(self.mean, self.cov))

    def transition(self, state: Tensor, action: Tensor) -> Tensor:
        """A push."""
        loc = state @ self.A.mT + self.pushes[action] @ self.B.mT
        return pyro.sample("s", dist.MultivariateNormal(loc, self.Q))

    def observe(self, state: Tensor) -> None:
        """What is seen of it."""
        pyro.sample("o", dist.MultivariateNormal(state @ self.C.mT, self.R))

    def prefer(self) -> None:
        """To see the goal."""
        preferred = dist.MultivariateNormal(self.goal, precision_matrix=self.precision)
        pyro.sample("o", preferred)


class GaussianScoring(Timed):
    """G of every policy, and the posterior over policies, from a Gaussian belief.

    The peer lets covariances contract by what will be seen, as ``anticipate=True`` does, and
    leaves the normalizer of the preference out, a constant for each step.
    """

    def __init__(self, problem: Mapping[str, Any]) -> None:
        world = Cart.from_json(problem["world"])
        self.filter = GaussianFilter(CartModel(world), anticipate=True)
        self.plan = OpenLoop(problem["horizon"], precision=problem["precision"])
        sign, log_det = np.linalg.slogdet(world.precision / (2 * math.pi))
        self.constant = 0.5 * float(sign * log_det) * problem["horizon"]

    def fresh(self) -> GaussianBelief:
        """The belief; it counts as updated, as the peer's does."""
        return self.filter.update(self.filter.initial(), {})

    def run(self, start: GaussianBelief) -> PolicyPosterior:
        """Plan."""
        return self.plan(self.filter, start)

    def outputs(self, result: PolicyPosterior, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """G without the normalizer of the preference, ``(policies)``."""
        return {"efe": (result.expected_free_energy + self.constant).tolist()}
