"""From expected free energies to log-probabilities, where some are impossible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ... import ops

Number = Tensor | float  # (*batch), or the same for all


@dataclass(frozen=True)
class Weights:
    """What a plan weighs policies with."""

    precision: Number
    discount: Number
    log_habit: Mapping[str, Tensor]  # site of the habit: (*batch, values)


def boltzmann(energy: Tensor, precision: Number, log_prior: Tensor | None) -> Tensor:
    """log q up to a constant, from G and a log-prior ``(*batch, rows, policies)``."""
    if log_prior is not None:
        energy = torch.where(log_prior > -math.inf, energy, math.inf)
    if not isinstance(precision, Tensor) and math.isinf(precision):
        return ops.log(ops.softmax(_some(-energy), precision)).masked_fill(
            energy.isinf(), -math.inf
        )
    possible = energy < math.inf
    log_probs = -wide(precision) * torch.where(possible, energy, 0.0)
    if log_prior is not None:
        log_probs = log_probs + torch.where(possible, log_prior, 0.0)
    return torch.where(possible, log_probs, -math.inf)


def sharpened(log_probs: Tensor, precision: Number) -> Tensor:
    r"""Normalized log-probabilities :math:`\propto q(u)^\alpha`; -inf where none is possible."""
    return log_normalized(boltzmann(-log_probs, precision, None))


def log_normalized(log_probs: Tensor) -> Tensor:
    """Logarithms of probabilities that sum to 1, or to 0 where all are."""
    return torch.where(_none(log_probs), -math.inf, _some(log_probs).log_softmax(-1))


def _none(log_probs: Tensor) -> Tensor:
    return (log_probs == -math.inf).all(-1, keepdim=True)


def _some(log_probs: Tensor) -> Tensor:
    """The same where something is possible, zeros elsewhere: no derivative is NaN."""
    return torch.where(_none(log_probs), 0.0, log_probs)


def wide(number: Number) -> Number:
    """A number of persons ``(*batch)`` against ``(*batch, rows, policies)``."""
    return number[..., None, None] if isinstance(number, Tensor) else number
