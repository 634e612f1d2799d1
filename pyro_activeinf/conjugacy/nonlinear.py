"""Factors that are given by their log density."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .approximation import Approximation, Sampled, Values
from .factor import Factor, Means, Variable


def _seed() -> int:
    return int(torch.randint(2**31, ()))


@dataclass(frozen=True)
class Nonlinear(Factor):
    """A factor given by its log density, of values: a link that is not linear, for example.

    Args:
        name: of the factor.
        log_density: takes values of all arguments by name, and returns log f, ``(*any)``, which
            is summed up.
        unknown: argument to variable.
        known: argument to whatever it is.
        approximation: of the expectation.
    """

    name: str
    log_density: Callable[..., Tensor]
    unknown: Mapping[str, Variable]
    known: Mapping[str, Any] = field(default_factory=dict)
    approximation: Approximation = field(default_factory=Sampled)
    seed: int = field(default_factory=_seed)

    @property
    def variables(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the variables, each once."""
        return tuple(dict.fromkeys(variable.name for variable in self.unknown.values()))

    @property
    def approximate(self) -> bool:  # type: ignore[override]
        """It is."""
        return True

    def expected(self, means: Means) -> Tensor:
        """The approximate expectation."""
        variables = {variable.name: variable for variable in self.unknown.values()}
        return self.approximation.expected(self._density, variables, means, self.seed)

    def linear(self, variable: str, means: Means) -> bool:
        """Treated as such where steps cannot be relied on to lower F."""
        return not self.approximation.descends

    def _density(self, values: Values) -> Tensor:
        given = {argument: values[v.name] for argument, v in self.unknown.items()}
        return self.log_density(**given, **self.known).sum()
