"""From a posterior over policies to an action."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor

from .. import ops
from ..compile import control_sizes
from ..records import PolicyPosterior


def drawn(
    posterior: PolicyPosterior, precision: float | Tensor, actions: gym.Space[Any] | None
) -> Tensor:
    """An action ``(*batch)``, ``(*batch, controls)``, or ``(*batch, *event)`` of a real one."""
    index = ops.draw(_rows(posterior), precision)
    if posterior.real:
        return _picked(posterior.first_actions, index)
    controls = control_sizes(actions)
    return torch.stack(ops.unravel(index, controls), -1) if len(controls) > 1 else index


def sharpened(posterior: PolicyPosterior, precision: float | Tensor) -> Tensor:
    """Probabilities of the next action at a precision, as in ``action_probs``."""
    rows = ops.softmax(ops.log(_rows(posterior)), precision)
    return rows.reshape(posterior.action_probs.shape)


def count(actions: gym.Space[Any] | None) -> int:
    """Number of actions; 0 where there is nothing to choose, or where they are real."""
    if actions is None or isinstance(actions, gym.spaces.Box):
        return 0
    return math.prod(control_sizes(actions))


def _rows(posterior: PolicyPosterior) -> Tensor:
    """Probabilities of the first action, ``(*batch, actions)``."""
    return posterior.action_probs.flatten(posterior.probs.dim() - 1)


def _picked(actions: Tensor, index: Tensor) -> Tensor:
    """One of the candidates ``(*batch, policies, *event)`` for each of the batch."""
    dim = index.dim()
    inner = actions.shape[dim + 1 :]
    where = index.reshape(*index.shape, 1, *[1] * len(inner)).expand(*index.shape, 1, *inner)
    return actions.gather(dim, where).squeeze(dim)
