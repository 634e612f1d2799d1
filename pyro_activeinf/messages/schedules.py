"""Schedules: in which order beliefs take in their messages."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .._checks import complain, known_names, strings
from ..conjugacy import Beliefs, Factor, Variable, message, toward_valid, usual_order
from ..conjugacy.discrete_sums import is_discrete
from .graph import FactorGraph

ONE_BY_ONE = 8  # elements that are updated one after the other; more are, all at once, with care
Messages = dict[tuple[str, str], Tensor]  # (factor, variable) -> natural coordinates


def required_damping(damping: Any) -> float:
    """The part that stays, which has to be in [0, 1)."""
    if not isinstance(damping, float | int) or not 0 <= damping < 1:
        raise ValueError(complain("damping", "a number in [0, 1)", damping))
    return float(damping)


class Schedule(ABC):
    """How one sweep goes over the variables."""

    @abstractmethod
    def sweep(
        self, graph: FactorGraph, beliefs: Beliefs, safe: Collection[str]
    ) -> tuple[Beliefs, Messages]:
        """Update every belief once.

        Args:
            safe: variables some factor of which is not linear in their moments.
        """


def in_parts(variable: Variable, factors: Collection[Factor]) -> list[Tensor]:
    """Which elements to update together, ``(*batch, 1)`` each.

    All, but where a factor bends in discrete ones: then each moves the goal of the others.
    """
    count = math.prod(variable.batch_shape)
    moves = is_discrete(variable.family) and any(factor.approximate for factor in factors)
    parts = count if moves and count <= ONE_BY_ONE else 1
    turn = torch.arange(count).reshape(*variable.batch_shape, 1) % parts
    return [turn == k for k in range(parts)]


@dataclass(frozen=True)
class Sequential(Schedule):
    """One after the other: F never rises.

    Args:
        order: of the variables; discrete ones last, if left out.

    Raises:
        TypeError: for an order that is no tuple of names.
    """

    order: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.order is not None:
            strings("order", self.order)

    def sweep(
        self, graph: FactorGraph, beliefs: Beliefs, safe: Collection[str]
    ) -> tuple[Beliefs, Messages]:
        """Each takes in what those before it have come to."""
        sent: Messages = {}
        for name in self._order(graph):
            factors = graph.around(name)
            for part in in_parts(graph.variables[name], factors):
                each = {(f.name, name): message(f, name, beliefs.means) for f in factors}
                toward = torch.stack(list(each.values())).sum(0) / graph.variables[name].scale
                toward = torch.where(part, toward, beliefs.natural[name])
                beliefs = toward_valid(factors, beliefs, name, toward, 1.0, name in safe)
            sent |= each
        return beliefs, sent

    def _order(self, graph: FactorGraph) -> tuple[str, ...]:
        if self.order is None:
            return usual_order(graph.variables)
        known_names("order", self.order, list(graph.variables))
        if missing := [name for name in graph.variables if name not in self.order]:
            raise ValueError(complain("order", "all variables", f"none of {missing}"))
        return self.order


@dataclass(frozen=True)
class Parallel(Schedule):
    r"""All at once, with damping: :math:`\rho = 1 - damping`. F may rise for a while.

    Args:
        damping: the part of each belief that stays, in [0, 1).

    Raises:
        ValueError: for a damping outside of [0, 1).
    """

    damping: float = 0.5

    def __post_init__(self) -> None:
        required_damping(self.damping)

    def sweep(
        self, graph: FactorGraph, beliefs: Beliefs, safe: Collection[str]
    ) -> tuple[Beliefs, Messages]:
        """All take in what all had come to before."""
        sent: Messages = {}
        found = beliefs
        for name in graph.variables:
            factors = graph.around(name)
            each = {(f.name, name): message(f, name, beliefs.means) for f in factors}
            toward = torch.stack(list(each.values())).sum(0) / graph.variables[name].scale
            moved = toward_valid(factors, beliefs, name, toward, 1 - self.damping, False)
            found = found.moved({name: moved.natural[name]})
            sent |= each
        return found, sent
