"""How a latent state shows: networks from states to distributions over observations."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import gymnasium as gym
import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus

from .._checks import complain, positive_int

SMALLEST_SCALE = 1e-3


class View(nn.Module, ABC):
    """An observation site: a network from states to a distribution."""

    name: str

    @abstractmethod
    def forward(self, state: Tensor) -> Any:
        """p(o | s), for states ``(*batch, state_dim)``."""


class GaussianView(View):
    """Real values about what a network says, with a learned scale for each."""

    def __init__(self, name: str, shape: tuple[int, ...], sizes: Sequence[int]) -> None:
        super().__init__()
        self.name, self.shape = name, shape
        self.network = perceptron([*sizes, math.prod(shape)])
        self.raw_scale = nn.Parameter(torch.zeros(shape))

    def forward(self, state: Tensor) -> Any:
        """A Gaussian of event shape ``shape``."""
        loc = self.network(state).reshape((*state.shape[:-1], *self.shape))
        scale = softplus(self.raw_scale) + SMALLEST_SCALE
        return dist.Normal(loc, scale).to_event(len(self.shape))


class CategoricalView(View):
    """One of several values, with log-probabilities that a network says."""

    def __init__(self, name: str, values: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.name = name
        self.network = perceptron([*sizes, values])

    def forward(self, state: Tensor) -> Any:
        """A categorical distribution."""
        return dist.Categorical(logits=self.network(state))


def perceptron(sizes: Sequence[int]) -> nn.Module:
    """Linear layers of these sizes, with activations between them."""
    layers: list[nn.Module] = []
    for first, second in pairwise(sizes):
        layers += [nn.Linear(first, second), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def views(observations: int | gym.Space[Any], sizes: Sequence[int]) -> Iterator[View]:
    """A view for each site of an observation space.

    Example:
        >>> from gymnasium.spaces import Box, Dict, Discrete
        >>> space = Dict({"light": Discrete(3), "place": Box(0, 1, (2,))})
        >>> [view.name for view in views(space, [4, 16])]
        ['light', 'place']
    """
    if isinstance(observations, gym.spaces.Dict):
        for name, space in observations.items():
            yield _view(name, space, sizes)
    elif isinstance(observations, gym.Space):
        yield _view("o", observations, sizes)
    else:
        yield GaussianView("o", (positive_int("observations", observations),), sizes)


def _view(name: str, space: gym.Space[Any], sizes: Sequence[int]) -> View:
    if isinstance(space, gym.spaces.Discrete) and space.start == 0:
        return CategoricalView(name, int(space.n), sizes)
    if isinstance(space, gym.spaces.Box):
        return GaussianView(name, tuple(space.shape), sizes)
    raise ValueError(complain("observations", "Discrete, Box, or a Dict of them", space))


def action_width(space: gym.Space[Any] | None) -> int:
    """Number of features of an action.

    Raises:
        ValueError: for a space other than ``None``, ``Discrete`` and ``Box``.
    """
    if space is None:
        return 0
    if isinstance(space, gym.spaces.Discrete) and space.start == 0:
        return int(space.n)
    if isinstance(space, gym.spaces.Box):
        return math.prod(space.shape)
    raise ValueError(complain("actions", "None, Discrete counted from 0, or Box", space))


def action_features(space: gym.Space[Any] | None, action: Tensor) -> Tensor:
    """Actions ``(*batch, *event)`` as features ``(*batch, width)``."""
    if isinstance(space, gym.spaces.Discrete):
        return one_hot(action.long(), int(space.n)).to(torch.get_default_dtype())
    event = len(space.shape or ()) if space is not None else 0
    batch = action.shape[: action.dim() - event]
    return action.reshape(*batch, -1).to(torch.get_default_dtype())
