"""From expected free energies to log-probabilities, where some are impossible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ... import ops

Number = Tensor | float  # (*batch), or the same for all
LEAST = -1e30  # in place of -inf: whose share of anything is 0


@dataclass(frozen=True)
class Weights:
    """What a plan weighs policies with."""

    precision: Number
    discount: Number
    log_habit: Mapping[str, Tensor]  # site of the habit: (*batch, values)


def boltzmann(energy: Tensor, precision: Number, log_prior: Tensor | None) -> Tensor:
    """log q up to a constant, from G and a log-prior ``(*batch, rows, policies)``."""
    if log_prior is not None:
        energy = energy - barrier(-log_prior)
    if not isinstance(precision, Tensor) and math.isinf(precision):
        return ops.log(ops.softmax(some(-energy), precision)) + barrier(energy)
    log_probs = -wide(precision) * bounded(energy)
    if log_prior is not None:
        log_probs = log_probs + bounded(log_prior)
    return log_probs + barrier(energy)


def barrier(energy: Tensor) -> Tensor:
    """-inf where an energy is infinite, 0 elsewhere; nothing flows back.

    To add this is many times quicker than to choose by ``torch.where``.
    """
    return (torch.finfo(energy.dtype).max - energy.detach()).clamp(max=0.0)


def bounded(values: Tensor) -> Tensor:
    """The same, with 0 in place of infinite ones, to which nothing flows back."""
    return values.nan_to_num(math.nan, 0.0, 0.0)


def sharpened(log_probs: Tensor, precision: Number) -> Tensor:
    r"""Normalized log-probabilities :math:`\propto q(u)^\alpha`; -inf where none is possible."""
    return log_normalized(boltzmann(-log_probs, precision, None))


def log_normalized(log_probs: Tensor) -> Tensor:
    """Logarithms of probabilities that sum to 1, or to 0 where all are."""
    whole = some(log_probs).movedim(-1, 0).log_softmax(0)
    return whole.movedim(0, -1) + barrier(-log_probs)


def some(log_probs: Tensor) -> Tensor:
    """The same with least numbers in place of -inf: shares of nothing are even, and not NaN."""
    return log_probs.clamp(min=LEAST)


def wide(number: Number) -> Number:
    """A number of persons ``(*batch)`` against ``(*batch, rows, policies)``."""
    return number[..., None, None] if isinstance(number, Tensor) else number
