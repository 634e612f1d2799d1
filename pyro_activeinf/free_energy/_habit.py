"""log p(u) of policies before they are scored."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor

from .._checks import complain
from ..compile import control_sizes
from ..filters import Filter
from ..guides.sites import quiet, sampled


def log_habit(filter: Filter, model: Any, policies: Tensor) -> Tensor:
    """log p(u) of policies ``(*lead, time, *event)``, ``(*lead)``: the model's habit, else uniform.

    A habit over a Box samples one site ``action``, independently at each step. Without one, an
    unbounded space counts 0.
    """
    if isinstance(filter.actions, gym.spaces.Box):
        return _real(filter.actions, getattr(model, "habit", None), policies)
    sizes = control_sizes(filter.actions)
    habit = filter.habit()
    if "policy" in habit:
        raise ValueError(
            complain("habit", "a site for each action", "a site 'policy', over a given set")
        )
    names = ["action"] if len(sizes) == 1 else [f"action_{f}" for f in range(len(sizes))]
    steps = policies.unsqueeze(-1) if len(sizes) == 1 else policies
    found = torch.zeros(steps.shape[:-2], dtype=filter.dtype, device=filter.device)
    for f, (name, size) in enumerate(zip(names, sizes, strict=True)):
        table = habit.get(name, torch.full((size,), -math.log(size)).to(found))
        found = found + table[steps[..., f].long()].sum(-1)
    return found


def _real(space: gym.spaces.Box, habit: Any, policies: Tensor) -> Tensor:
    event = len(space.shape)
    lead = policies.shape[: policies.dim() - 1 - event]
    if habit is None:
        width = torch.as_tensor(space.high - space.low).to(policies)
        volume = width.log().sum() if space.is_bounded() else 0.0
        return -volume * policies.shape[len(lead)] + policies.new_zeros(lead)
    sites = sampled(quiet(habit))
    if list(sites) != ["action"]:
        raise ValueError(complain("habit", "one site 'action'", f"sites {list(sites)}"))
    return sites["action"].log_prob(policies).reshape(*lead, -1).sum(-1)
