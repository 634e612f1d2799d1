"""Predicted steps whose expected free energy is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyro_activeinf.filters import GaussianFilter
from pyro_activeinf.filters.prediction import Likelihood, Prediction
from pyro_activeinf.free_energy import Bound
from pyro_activeinf.models import LinearGaussian
from tests.kalman import random_system

Look = Callable[[Mapping[str, Tensor]], Any]


def step(
    look: Look,
    states: Mapping[str, Tensor],
    weights: Tensor | None = None,
    prefer: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] = lambda values: {},
    sampled: bool = False,
) -> Prediction:
    """A prediction without a batch."""
    count = len(next(iter(states.values())))
    equal = torch.full((count,), 1 / count)
    log_weights = (equal if weights is None else weights).log()
    likelihood = Likelihood(look, states, log_weights.shape)
    return Prediction(1, states, log_weights, likelihood, prefer, sampled=sampled)


@dataclass(frozen=True)
class Chain:
    """A linear-Gaussian chain two steps on, and the truth about it."""

    model: LinearGaussian
    filter: GaussianFilter
    belief: Any
    epistemic: float
    pragmatic: float

    @property
    def posterior(self) -> Bound:
        """A bound whose guide is the posterior itself."""
        C, cov, mean = self.model.C, self.belief.cov, self.belief.mean
        spread = C @ cov @ C.T + self.model.R
        gain = cov @ C.T @ torch.linalg.inv(spread)
        left = cov - gain @ C @ cov
        expected = mean @ C.T + self.model.offset

        def reverse(outcomes: Mapping[str, Tensor]) -> None:
            loc = mean + (outcomes["o"] - expected) @ gain.T
            pyro.sample("s", dist.MultivariateNormal(loc, 0.5 * (left + left.T)))

        return Bound(reverse)


def chain(seed: int, n: int = 2, m: int = 2) -> Chain:
    """Moments by numpy, and the closed forms of information and preference."""
    system = random_system(seed, n, m, 1)
    actions = [np.array([0.3]), np.array([-0.5])]
    mean, cov = system.mean, system.cov
    for u in actions:
        assert system.B is not None
        mean = system.A @ mean + system.B @ u
        cov = system.A @ cov @ system.A.T + system.Q
    spread = system.C @ cov @ system.C.T + system.R
    _, ratio = np.linalg.slogdet(spread @ np.linalg.inv(system.R))
    away = system.C @ mean + system.offset - np.ones(m)
    worth = -0.5 * ((away @ away + np.trace(spread)) / 10 + m * math.log(2 * math.pi * 10))
    model = LinearGaussian(
        system.A, system.B, system.C, system.Q, system.R, system.mean, system.cov,
        offset=system.offset, goal=np.ones(m), goal_cov=10 * np.eye(m),
    )  # fmt: skip
    filter = GaussianFilter(model)
    belief = filter.initial()
    for u in actions:
        belief = filter.predict(belief, torch.as_tensor(u))
    return Chain(model, filter, belief, float(ratio) / 2, float(worth))


SHADES = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], dtype=torch.float64)
LEVELS = torch.tensor([0.0, 1.0], dtype=torch.float64)


def shade_and_level(states: Mapping[str, Tensor]) -> None:
    """A discrete outcome, and a real one beside it that depends on both."""
    s = states["s"]
    shade = pyro.sample("shade", dist.Categorical(SHADES[s]))
    pyro.sample("level", dist.Normal(LEVELS[s] + 0.3 * shade, 0.5 + 0.2 * s))


def level_and_shade(states: Mapping[str, Tensor]) -> None:
    """The discrete outcome depends on the real one."""
    s = states["s"]
    level = pyro.sample("level", dist.Normal(LEVELS[s], 0.5))
    pyro.sample("shade", dist.Bernoulli(logits=2 * level - s))


def shade_beside_level(states: Mapping[str, Tensor]) -> None:
    """Neither depends on the other."""
    s = states["s"]
    pyro.sample("shade", dist.Categorical(SHADES[s]))
    pyro.sample("level", dist.Normal(LEVELS[s], 0.5 + 0.2 * s))


def quadrature(
    densities: Callable[[Tensor], Tensor], weights: Tensor, low: float = -8.0, high: float = 9.0
) -> tuple[float, float]:
    """Information and outcome entropy by the rule of Simpson, in nats.

    ``densities`` gives p(d, r | s), ``(values of d, states, nodes)``, at nodes r.
    """
    nodes = torch.linspace(low, high, 20_001)
    spacing = torch.ones(len(nodes))
    spacing[1:-1:2], spacing[2:-1:2] = 4.0, 2.0
    spacing = spacing * (nodes[1] - nodes[0]) / 3
    p = densities(nodes)
    q = (weights[:, None] * p).sum(1, keepdim=True)
    joint = (p * (p.log() - q.log())).nan_to_num(0.0)
    information = (weights[:, None] * joint * spacing).sum()
    return float(information), float(-(q * q.log().nan_to_num(neginf=0.0) * spacing).sum())
