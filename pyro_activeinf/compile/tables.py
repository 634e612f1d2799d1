"""What a discrete program compiles to: sites, and a sparse table of log-probabilities for each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from .._checks import complain, numbers
from ..records import SoftObservation
from .counted import Source

_ARRAYS = (Tensor, np.ndarray)
_INTEGERS = (int, np.integer)


def whole(value: object) -> int | None:
    """A single whole number, also where it is an array without dims; ``None`` for all else.

    Example:
        >>> whole(torch.tensor(2)), whole(np.int64(2)), whole(2.0), whole(torch.tensor([2]))
        (2, 2, None, None)
    """
    if type(value) is int:
        return value
    if isinstance(value, _ARRAYS) and not value.ndim:
        value = value.item()
    return int(value) if isinstance(value, _INTEGERS) else None


class Role(Enum):
    """The part that a variable plays in a step: s_{t-1}, u_{t-1}, s_t or o_t."""

    STATE = auto()
    CONTROL = auto()
    NEXT = auto()
    OUTCOME = auto()


@dataclass(frozen=True)
class Variable:
    """A discrete variable of one step of a model."""

    role: Role
    name: str


@dataclass(frozen=True)
class Site:
    """A sample site with a finite support: its name and the values that it can take.

    Example:
        >>> site = Site("door", torch.arange(3))
        >>> site.size, site.index(torch.tensor([2, -1])).tolist()
        (3, [2, -1])
    """

    name: str
    support: Tensor  # (size, *event)

    @property
    def size(self) -> int:
        """Number of values."""
        return self.support.shape[0]

    @cached_property
    def counts(self) -> bool:
        """Whether the support is 0, 1, .., size - 1, so that a value is its own index."""
        plain = self.support.dim() == 1
        return plain and bool((self.support == torch.arange(self.size).to(self.support)).all())

    def position(self, value: object) -> int | None:
        """The position of a single whole number that is in the support; else ``None``.

        Example:
            >>> Site("door", torch.arange(3)).position(2)
            2
        """
        number = whole(value)
        within = number is not None and 0 <= number < self.size and self.counts
        return number if within else None

    def counted(self, value: object) -> Tensor | None:
        """Whole numbers that are their own positions, if they are in range; else ``None``."""
        if not self.counts:
            return None
        tensor = numbers(self.name, value).to(self.support.device)
        return None if tensor.is_floating_point() else tensor.long()

    def index(self, value: object) -> Tensor:
        """Positions of values in the support, ``(*batch)``; -1 where missing (-1 or NaN).

        Raises:
            ValueError: if a value lies outside the support.
        """
        tensor = numbers(self.name, value).to(self.support.device)
        real = tensor.is_floating_point()
        tensor = self._shaped(tensor if real else tensor.long())
        if self.counts and not real:
            return self._checked(tensor, (tensor < -1) | (tensor >= self.size), tensor)
        event = self.support.dim() - 1
        coarse = torch.float32 in {tensor.dtype, self.support.dtype}
        precision = torch.float32 if coarse else torch.float64
        same = tensor.unsqueeze(-1 - event).to(precision) == self.support.to(precision)
        match = same.flatten(same.dim() - event).all(-1) if event else same
        known = match.any(-1)
        missing = self._missing(tensor, event) & ~known
        found = match.to(torch.int8).argmax(-1)
        return self._checked(torch.where(missing, -1, found), ~missing & ~known, tensor)

    def _shaped(self, tensor: Tensor) -> Tensor:
        event = self.support.shape[1:]
        if tensor.shape[max(tensor.dim() - len(event), 0) :] != event:
            expected = f"values of shape {tuple(event)} in the last dims"
            raise ValueError(complain(self.name, expected, f"shape {tuple(tensor.shape)}"))
        return tensor

    @staticmethod
    def _missing(tensor: Tensor, event: int) -> Tensor:
        absent = torch.isnan(tensor) | (tensor == -1)
        return absent.flatten(tensor.dim() - event).all(-1) if event else absent

    def _checked(self, index: Tensor, wrong: Tensor, value: Tensor) -> Tensor:
        if bool(wrong.any()):
            raise ValueError(
                complain(
                    self.name,
                    f"values among {readable(self.support)} (-1 or NaN where missing)",
                    readable(value[wrong]),
                )
            )
        return index

    def log_likelihood(self, observation: object) -> Tensor | None:
        """Log-weights ``(*batch, size)`` of a soft observation; ``None`` for an ordinary one."""
        if isinstance(observation, int):
            return None
        if isinstance(observation, SoftObservation):
            weights = observation.log_likelihood
        elif isinstance(observation, torch.distributions.Categorical):
            weights = observation.logits
        else:
            return None
        if weights.shape[-1] != self.size:
            raise ValueError(
                complain(self.name, f"{self.size} weights", f"shape {tuple(weights.shape)}")
            )
        return weights


def readable(values: Tensor) -> str:
    """Write a list of values, cut short where there are many.

    Example:
        >>> readable(torch.arange(500))
        '[0, 1, 2, 3, 4, .., 499]'
    """
    if len(values) <= 10:
        return str(values.tolist())
    first = ", ".join(str(value) for value in values[:5].tolist())
    return f"[{first}, .., {values[-1].tolist()}]"


@dataclass(frozen=True)
class Table:
    """log p(variable | parents), where the parents are those that the program really used."""

    variable: Variable
    parents: tuple[Variable, ...]
    log_probs: Tensor  # (*parents, size)
    source: Source | None = None  # the counts that it was read from, where there are any

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The parents and the variable itself, in the order of the tensor's dims."""
        return (*self.parents, self.variable)

    def aligned(self, order: tuple[Variable, ...]) -> Tensor:
        """The log-probabilities with a dim for each variable of ``order``, to broadcast."""
        dims = [self.variables.index(v) for v in order if v in self.variables]
        sizes = [
            self.log_probs.shape[self.variables.index(v)] if v in self.variables else 1
            for v in order
        ]
        return self.log_probs.permute(dims).reshape(sizes)


@dataclass(frozen=True)
class Tables:
    """A compiled program: its sites and the tables of its three conditional programs."""

    states: tuple[Site, ...]
    outcomes: tuple[Site, ...]
    controls: tuple[int, ...]  # number of choices of each control
    initial: tuple[Table, ...]
    transition: tuple[Table, ...]
    observe: tuple[Table, ...]

    @property
    def joint_size(self) -> int:
        """Number of joint states."""
        return math.prod(site.size for site in self.states)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Every table's log-probabilities."""
        return tuple(table.log_probs for table in self.all)

    @property
    def all(self) -> tuple[Table, ...]:
        """The tables of all three programs."""
        return (*self.initial, *self.transition, *self.observe)
