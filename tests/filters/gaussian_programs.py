"""Gaussian programs of several sites, and the same in numpy, worked out by hand."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyro_activeinf import GenerativeModel
from tests.kalman import System, _log_normal
from tests.oracles import Array


class Cart(GenerativeModel):
    """Linear: a speed and a place that depends on it, seen by two sensors, one after another."""

    actions = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
    drag, push, step = 0.8, 0.5, 0.3
    speed_noise, near_noise, bias = 0.4, 0.3, 0.7
    place_root = torch.tensor([[0.5, 0.0], [-0.2, 0.4]], dtype=torch.float64)
    aim = torch.tensor([[0.3, -1.0], [0.6, 0.2], [1.0, 0.5]], dtype=torch.float64)

    def initial(self) -> tuple[Tensor, Tensor]:
        speed = pyro.sample("speed", dist.Normal(torch.tensor(0.5), 1.0))
        loc = torch.stack([speed, -speed], -1)
        return speed, pyro.sample("place", dist.MultivariateNormal(loc, torch.eye(2)))

    def transition(self, state: Any, action: Tensor) -> Any:
        speed, place = state
        loc = self.drag * speed + self.push * action[..., 0]
        speed = pyro.sample("speed", dist.Normal(loc, self.speed_noise))
        loc = place + self.step * speed.unsqueeze(-1)
        root = self.place_root
        return speed, pyro.sample("place", dist.MultivariateNormal(loc, scale_tril=root))

    def observe(self, state: Any) -> None:
        _, place = state
        near = pyro.sample("near", dist.Normal(place[..., 0] + 1.0, self.near_noise))
        loc = place @ self.aim.T + self.bias * near.unsqueeze(-1)
        pyro.sample("far", dist.Normal(loc, torch.tensor([0.5, 0.6, 0.7])).to_event(1))


def cart_system() -> System:
    """The cart as one linear system: state (speed, place), outcome (near, far)."""
    a, b, d = Cart.drag, Cart.push, Cart.step
    root, aim = Cart.place_root.numpy(), Cart.aim.numpy()
    noise = np.zeros((3, 3))
    noise[0, 0], noise[1:, 0], noise[1:, 1:] = Cart.speed_noise, d * Cart.speed_noise, root
    start = np.array([[1.0, 0, 0], [1, 1, 0], [-1, 0, 1]])
    C = np.zeros((4, 3))
    C[0, 1] = 1.0
    C[1:, 1:] = aim
    C[1:, 1] += Cart.bias
    seen = np.diag([Cart.near_noise, 0.5, 0.6, 0.7])
    seen[1:, 0] = Cart.bias * Cart.near_noise
    return System(
        A=np.array([[a, 0, 0], [d * a, 1, 0], [d * a, 0, 1]]),
        B=np.array([[b], [d * b], [d * b]]),
        C=C,
        Q=noise @ noise.T,
        R=seen @ seen.T,
        mean=np.array([0.5, 0.5, -0.5]),
        cov=start @ start.T,
        offset=np.array([1.0, *[Cart.bias] * 3]),
    )


class Pendulum(GenerativeModel):
    """Nonlinear, with noise that depends on the state."""

    actions = gym.spaces.Box(-2.0, 2.0, (), np.float32)
    step = 0.2

    def initial(self) -> Tensor:
        return pyro.sample("s", dist.Normal(torch.tensor([0.4, -0.1]), 0.3).to_event(1))

    def transition(self, state: Tensor, action: Tensor) -> Tensor:
        angle, rate = state.unbind(-1)
        rate = rate + self.step * (action - torch.sin(angle))
        loc = torch.stack([angle + self.step * rate, rate], -1)
        noise = torch.stack([0.05 + 0.0 * angle, 0.1 * (1 + angle.square())], -1)
        return pyro.sample("s", dist.Normal(loc, noise).to_event(1))

    def observe(self, state: Tensor) -> None:
        angle, rate = state.unbind(-1)
        pyro.sample("height", dist.Normal(torch.cos(angle) + rate, 0.1 * torch.exp(rate)))


def pendulum_filter(observations: Array, actions: Array) -> tuple[Array, Array, float]:
    """The extended Kalman filter of the pendulum; means, covariances, log-evidence."""
    h = Pendulum.step
    mean, cov, evidence = np.array([0.4, -0.1]), 0.09 * np.eye(2), 0.0
    means, covs = [], []
    for t, seen in enumerate(observations):
        if t:
            angle, rate = mean
            slope = np.array([[1 - h * h * np.cos(angle), h], [-h * np.cos(angle), 1.0]])
            noise = np.diag([0.05, 0.1 * (1 + angle**2)]) ** 2
            rate = rate + h * (actions[t - 1] - np.sin(angle))
            mean, cov = np.array([angle + h * rate, rate]), slope @ cov @ slope.T + noise
        angle, rate = mean
        row = np.array([[-np.sin(angle), 1.0]])
        spread = row @ cov @ row.T + (0.1 * np.exp(rate)) ** 2
        expected = np.array([np.cos(angle) + rate])
        evidence += _log_normal(np.array([seen]), expected, spread)
        gain = cov @ row.T / spread
        mean, cov = mean + gain[:, 0] * (seen - expected[0]), cov - gain @ row @ cov
        means.append(mean)
        covs.append(cov)
    return np.array(means), np.array(covs), float(evidence)


class Drifting(GenerativeModel):
    """Linear, with five pushes; what is preferred is a Gaussian over the outcome."""

    actions = gym.spaces.Discrete(5)

    def __init__(self, spreading: bool = False) -> None:
        super().__init__()
        self.spreading = spreading  # whether the noise depends on the action
        self.register_buffer("pushes", torch.linspace(-2.0, 2.0, 5).unsqueeze(-1))

    def initial(self) -> Tensor:
        return pyro.sample("s", dist.MultivariateNormal(torch.zeros(2), torch.eye(2)))

    def transition(self, state: Tensor, action: Tensor) -> Tensor:
        push = self.pushes[action]
        loc = state @ torch.tensor([[1.0, 0.0], [0.4, 0.9]]) + push * torch.tensor([0.1, 1.0])
        noise = 0.3 + 0.1 * push.square() if self.spreading else torch.tensor(0.3)
        return pyro.sample("s", dist.Normal(loc, noise).to_event(1))

    def observe(self, state: Tensor) -> None:
        pyro.sample("place", dist.Normal(state[..., 0], 0.2))
        pyro.sample("speed", dist.Normal(state[..., 1], 0.7))

    def prefer(self) -> None:
        pyro.sample("place", dist.Normal(torch.tensor(1.5), 0.5))


class RealMaze(GenerativeModel):
    """Sites named as those of the T-maze, all of them real; linear unless it is bent."""

    actions = gym.spaces.Discrete(4)

    def __init__(self, bend: float = 0.0) -> None:
        super().__init__()
        self.bend = bend
        self.register_buffer("pushes", torch.tensor([0.0, 1.0, -1.0, 0.5]))

    def initial(self) -> tuple[Tensor, Tensor]:
        context = pyro.sample("context", dist.Normal(torch.tensor(0.2), 1.0))
        return context, pyro.sample("location", dist.Normal(torch.tensor(0.0), 0.5))

    def transition(self, state: Any, action: Tensor) -> tuple[Tensor, Tensor]:
        context, location = state
        if self.bend:
            location = location + self.bend * torch.sin(location)
        moved = 0.5 * location + self.pushes[action]
        context = pyro.sample("context", dist.Normal(0.9 * context, 0.1))
        return context, pyro.sample("location", dist.Normal(moved, 0.3))

    def observe(self, state: Any) -> None:
        context, location = state
        pyro.sample("position", dist.Normal(location, 0.2))
        width = 0.3 + self.bend * location.square() if self.bend else torch.tensor(0.3)
        pyro.sample("reward", dist.Normal(context + 0.5 * location, width))

    def prefer(self) -> None:
        pyro.sample("reward", dist.Normal(torch.tensor(1.0), 0.4))
