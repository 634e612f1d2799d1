"""Networks that know what they do not know: their parameters are random."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyro.distributions as dist
import torch
from pyro.nn import PyroModule, PyroSample
from torch import Tensor, nn
from torch.nn.functional import silu

from .._checks import complain, positive, positive_int


class Member(dist.Categorical):
    """Which member of an ensemble speaks: by chance in guides too, so that each of them learns."""


class Uncertainty(ABC):
    """How a network's parameters are uncertain: an object that builds the network."""

    @abstractmethod
    def network(self, sizes: Sequence[int]) -> PyroModule:
        """A network with layers of these sizes, ``(*batch, first)`` to ``(*batch, last)``."""

    @abstractmethod
    def draws(self) -> Mapping[str, Tensor]:
        """Values of the network's random parameters to compare, ``(draws, *event)`` each."""


@dataclass(frozen=True)
class Certain(Uncertainty):
    """No uncertainty: one network."""

    def network(self, sizes: Sequence[int]) -> PyroModule:
        """One perceptron."""
        return _One(sizes)

    def draws(self) -> Mapping[str, Tensor]:
        """There is nothing to draw."""
        return {}


@dataclass(frozen=True)
class Ensemble(Uncertainty):
    """Several networks that started differently: site ``member`` tells which one is right.

    Args:
        members: number of networks, at least 2.

    Raises:
        ValueError: for fewer.
    """

    members: int = 5

    def __post_init__(self) -> None:
        if positive_int("members", self.members) < 2:
            way_out = "A single network is Certain()."
            raise ValueError(complain("members", "at least 2 networks", self.members, way_out))

    def network(self, sizes: Sequence[int]) -> PyroModule:
        """As many perceptrons as there are members."""
        return _Voices(self.members, sizes)

    def draws(self) -> Mapping[str, Tensor]:
        """Every member once."""
        return {"member": torch.arange(self.members)}


@dataclass(frozen=True)
class Bayesian(Uncertainty):
    """A last layer of random weights, ``N(0, scale^2 / width)`` beforehand.

    Args:
        scale: standard deviation of the outputs beforehand, for features of size one.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        positive("scale", self.scale)

    def network(self, sizes: Sequence[int]) -> PyroModule:
        """A perceptron whose last layer is random."""
        return _RandomHead(self.scale, sizes)

    def draws(self) -> Mapping[str, Tensor]:
        """Without a guide nothing is known: hand over ``guide.random_parameters.draw(n)``."""
        return {}


class _Stack(nn.Module):
    """A layer of each of several networks."""

    def __init__(self, members: int, width: int, outputs: int) -> None:
        super().__init__()
        layers = [nn.Linear(width, outputs) for _ in range(members)]
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))

    def forward(self, x: Tensor, member: Tensor) -> Tensor:
        return affine(x, self.weight[member], self.bias[member])

    def together(self, x: Tensor) -> Tensor:
        """All networks at once, each with rows of its own: ``(members, rows, in)``."""
        return torch.baddbmm(self.bias.unsqueeze(1), x, self.weight)


class _Perceptrons(nn.Module):
    """Several perceptrons side by side."""

    def __init__(self, members: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Stack(members, a, b) for a, b in pairwise(sizes))

    def forward(self, x: Tensor, member: Tensor) -> Tensor:
        *hidden, last = self.layers
        for layer in hidden:
            x = silu(layer(x, member))
        return last(x, member)

    def together(self, x: Tensor) -> Tensor:
        """All networks at once, each with rows of its own: ``(members, rows, in)``."""
        layers: list[Any] = list(self.layers)
        for layer in layers[:-1]:
            x = silu(layer.together(x))
        return layers[-1].together(x)


class _One(PyroModule):
    """The only member there is."""

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.perceptron = _Perceptrons(1, sizes)

    def forward(self, x: Tensor) -> Tensor:
        return self.perceptron(x, torch.zeros((), dtype=torch.long, device=x.device))


class _Voices(PyroModule):
    """One member at a time, the same for a whole episode."""

    def __init__(self, members: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.perceptrons = _Perceptrons(members, sizes)
        self.member = PyroSample(Member(torch.ones(members) / members))

    def forward(self, x: Tensor) -> Tensor:
        return self.perceptrons(x, self.member)


class _RandomHead(PyroModule):
    """Features that are learned, and a last layer that is random."""

    def __init__(self, scale: float, sizes: Sequence[int]) -> None:
        super().__init__()
        *inner, width, outputs = sizes
        self.features = _Perceptrons(1, [*inner, width])
        prior = dist.Normal(0.0, scale / math.sqrt(width))
        self.weight = PyroSample(prior.expand([width, outputs]).to_event(2))
        self.bias = PyroSample(dist.Normal(0.0, scale).expand([outputs]).to_event(1))

    def forward(self, x: Tensor) -> Tensor:
        only = torch.zeros((), dtype=torch.long, device=x.device)
        weight: Any = self.weight  # a draw, the same for a whole episode
        bias: Any = self.bias
        return affine(torch.tanh(self.features(x, only)), weight, bias)


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Rows ``(*batch, in)`` times ``(*batch, in, out)``; batch dims broadcast."""
    return (x.unsqueeze(-2) @ weight).squeeze(-2) + bias
