"""Small networks, and the features that they are given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor, nn
from torch.distributions import constraints

from .._checks import complain
from ..compile import Programs, Site
from ..flows import NormalizingFlow
from ..models.unroll import random_names
from .heads import heads
from .sites import Choice, Quantity, Real, quantity, quiet, sampled, state_sites


class StepEncoder(nn.Module):
    """What was done and seen at one step as features: one-hot or real, and what is missing.

    Example:
        >>> from pyro_activeinf.models import TMaze
        >>> encoder = StepEncoder(TMaze())  # positions 5 + 1, rewards 3 + 1, actions 4 + 1
        >>> encoder(None, {"reward": torch.tensor([1, -1])}).shape
        torch.Size([2, 15])
    """

    def __init__(self, model: Programs) -> None:
        super().__init__()
        seen = sampled(quiet(model.observe, state_sites(model).state))
        random = random_names(model)
        self.sites = [quantity(name, fn) for name, fn in seen.items() if name not in random]
        self.actions = action_quantities(model.actions)
        self.width = sum(kind.width + 1 for kind in [*self.sites, *self.actions])

    def forward(self, action: Tensor | None, observation: Mapping[str, Tensor]) -> Tensor:
        """Features ``(*batch, width)``."""
        parts = [features(kind, observation.get(kind.name)) for kind in self.sites]
        several = len(self.actions) > 1
        for i, kind in enumerate(self.actions):
            parts.append(
                features(kind, action[..., i] if action is not None and several else action)
            )
        return concatenated(parts) if parts else torch.zeros(0)


def action_quantities(space: gym.Space[Any] | None) -> list[Quantity]:
    """What the actions of a space are like: one entry, or one for each control."""
    if space is None:
        return []
    if isinstance(space, gym.spaces.Discrete):
        return [Choice(Site("action", torch.arange(int(space.n))))]
    if isinstance(space, gym.spaces.MultiDiscrete):
        sizes = [int(n) for n in space.nvec]
        return [Choice(Site(f"action_{f}", torch.arange(n))) for f, n in enumerate(sizes)]
    if isinstance(space, gym.spaces.Box):
        return [Real("action", torch.Size(space.shape), constraints.real)]
    raise ValueError(complain("actions", "None, Discrete, MultiDiscrete or Box", space))


def features(kind: Quantity, value: Tensor | None) -> Tensor:
    """A value as features, and whether there is one, ``(*batch, width + 1)``."""
    if value is None:
        return torch.zeros(kind.width + 1)
    present = (~kind.missing(value)).unsqueeze(-1).to(torch.get_default_dtype())
    return concatenated([kind.encode(value), present])


class StateEncoder(nn.Module):
    """A state of whatever structure as features: one-hot where it is that of a discrete site."""

    def __init__(self, model: Programs) -> None:
        super().__init__()
        found = state_sites(model)
        names = {id(value): name for name, value in found.values.items()}
        kinds = {name: quantity(name, fn) for name, fn in found.first.items()}
        self.kinds = [
            kinds[names[id(leaf)]] if id(leaf) in names else _as_it_is(leaf)
            for leaf in leaves(found.state)
        ]
        self.width = sum(kind.width for kind in self.kinds)

    def forward(self, state: Any) -> Tensor:
        """Features ``(*batch, width)``; zeros where there is no state."""
        if state is None:
            return torch.zeros(self.width)
        pairs = zip(self.kinds, leaves(state), strict=True)
        return concatenated([kind.encode(leaf) for kind, leaf in pairs])


def _as_it_is(leaf: Tensor) -> Quantity:
    return Real("state", leaf.shape, constraints.real)


def leaves(state: Any) -> Iterator[Tensor]:
    """The tensors of a state, in order.

    Example:
        >>> [int(x) for x in leaves({"a": (torch.tensor(1), [torch.tensor(2)])})]
        [1, 2]
    """
    if isinstance(state, Tensor):
        yield state
        return
    for part in _parts(state):
        yield from leaves(part)


def _parts(state: Any) -> Iterable[Any]:
    if isinstance(state, Mapping):
        return state.values()
    if isinstance(state, list | tuple):
        return state
    if is_dataclass(state):
        return [getattr(state, field.name) for field in fields(state)]
    return []


def concatenated(parts: Sequence[Tensor]) -> Tensor:
    """Features side by side, ``(*batch, sum of widths)``; batch dims broadcast."""
    shapes = {part.shape[:-1] for part in parts}
    if len(shapes) == 1:
        return torch.cat(list(parts), -1)
    batch = torch.broadcast_shapes(*shapes)
    return torch.cat([part.expand(*batch, part.shape[-1]) for part in parts], -1)


class Networks(nn.Module):
    """All that an amortized guide learns, but for a summary."""

    def __init__(
        self,
        model: Programs,
        kinds: Sequence[Quantity],
        hidden_dims: Sequence[int],
        summary: int,
        flow: NormalizingFlow | None,
    ) -> None:
        super().__init__()
        self.encoder, self.before = StepEncoder(model), StateEncoder(model)
        width = self.encoder.width + self.before.width + 1 + summary
        self.trunk, width = perceptron(width, hidden_dims)
        self.heads = heads(kinds, width, flow)

    def forward(
        self, previous: Any, action: Tensor | None, observation: Mapping[str, Tensor]
    ) -> Tensor:
        """Features of a step, ``(*batch, width)``, for the first of the heads."""
        first = torch.full((1,), float(previous is None))
        parts = [self.encoder(action, observation), self.before(previous), first]
        if "summary" in observation:
            parts.append(observation["summary"])
        return self.trunk(concatenated(parts))


def perceptron(width: int, hidden_dims: Sequence[int]) -> tuple[nn.Module, int]:
    """Layers that end in an activation, and the width of the last of them."""
    layers: list[nn.Module] = []
    for hidden in hidden_dims:
        layers += [nn.Linear(width, hidden), nn.SiLU()]
        width = hidden
    return nn.Sequential(*layers), width
