"""A planning step by particles: a pendulum that a motor pushes, and our side of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ..filters import ParticleBelief, ParticleFilter
from ..free_energy import score_policies
from ..models import GenerativeModel
from ..planning import OpenLoop
from .task import Timed

STEP, GRAVITY, MOTOR = 0.05, 15.0, 3.0  # seconds; 1/s^2; 1/s^2 for an action of 1
PUSHES = 3  # of a finite space


@dataclass(frozen=True)
class Swing:
    """How much there is to score."""

    policies: int = 256
    particles: int = 64
    real: bool = True  # whether actions are real numbers, or one of three pushes
    states: int = 2  # numbers of a state

    def to_json(self, batch: int) -> dict[str, Any]:
        """The numbers by name."""
        return asdict(self)


class SwingModel(GenerativeModel):
    """Angle and speed, of which the place of the bob and the speed are seen."""

    def __init__(self, real: bool) -> None:
        super().__init__()
        limit = gym.spaces.Box(-1.0, 1.0, (1,))
        self.actions = limit if real else gym.spaces.Discrete(PUSHES)
        self.register_buffer("hanging", torch.tensor([math.pi, 0.0]))
        self.register_buffer("upright", torch.tensor([1.0, 0.0, 0.0]))

    def initial(self) -> Tensor:
        """It hangs."""
        return pyro.sample("s", dist.Normal(self.hanging, 0.1).to_event(1))

    def transition(self, state: Tensor, action: Tensor) -> Tensor:
        """Gravity and the motor."""
        push = action[..., 0] if action.is_floating_point() else action - 1.0
        speed = state[..., 1] + STEP * (GRAVITY * state[..., 0].sin() + MOTOR * push)
        angle = state[..., 0] + STEP * speed
        return pyro.sample("s", dist.Normal(torch.stack([angle, speed], -1), 0.05).to_event(1))

    def observe(self, state: Tensor) -> None:
        """Height, side and speed: one modality."""
        angle, speed = state.unbind(-1)
        seen = torch.stack([angle.cos(), angle.sin(), speed], -1)
        pyro.sample("o", dist.Normal(seen, 0.2).to_event(1))

    def prefer(self) -> None:
        """Upright, and at rest."""
        pyro.sample("o", dist.Normal(self.upright, 0.5).to_event(1))


class ParticlePlanning(Timed):
    """G of given policies, and what is done next, from a belief of particles."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.swing, self.horizon = Swing(**problem["world"]), problem["horizon"]
        self.precision = problem["precision"]
        self.filter = ParticleFilter(
            SwingModel(self.swing.real), num_particles=self.swing.particles
        )
        random = torch.Generator().manual_seed(0)
        shape = (self.swing.policies, self.horizon)
        if self.swing.real:
            self.policies = 2 * torch.rand(*shape, 1, generator=random) - 1
        else:
            self.policies = torch.randint(PUSHES, shape, generator=random)
            self.plan = OpenLoop(self.horizon, self.policies, precision=self.precision)

    def fresh(self) -> ParticleBelief:
        """The belief after a first observation."""
        seen = {"o": torch.tensor([-1.0, 0.0, 0.0])}
        return self.filter.update(self.filter.initial(), seen)

    def run(self, start: ParticleBelief) -> Tensor:
        """Probabilities of the policies."""
        if not self.swing.real:
            return self.plan(self.filter, start).probs
        total = score_policies(self.filter, start, self.policies).total.sum(-1)
        return torch.softmax(-self.precision * total, -1)

    def outputs(self, result: Tensor, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """Nothing that another side computes as well."""
        return {}
