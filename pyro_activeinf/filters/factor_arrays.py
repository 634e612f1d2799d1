"""What is computed from the tables of a program, factor by factor."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..compile import Tables
from .factor_novelty import moving_gains
from .factors import (
    FactorOutcomes,
    factor_evidence,
    factor_motions,
    factor_outcomes,
    propagate,
)
from .joint import table_dtype
from .novelty_rules import MutualInformation, TableNovelty

KEPT_STEPS = 1024  # time steps whose preferences are kept


class FactorArrays:
    """What is built from one compilation, each part when it is first needed."""

    def __init__(self, tables: Tables, novelty: TableNovelty | None) -> None:
        self.tables = tables
        self.novelty = MutualInformation() if novelty is None else novelty
        self.dtype = table_dtype(tables)
        self.motions = factor_motions(tables, tables.transition)
        self.gains = moving_gains(tables, self.novelty)
        self.evidence = factor_evidence(tables)
        self._scored: dict[int, tuple[Any, FactorOutcomes]] = {}

    @cached_property
    def log_initial(self) -> Tensor:
        """Marginals of p(s_0), ``(values of all the sites)``."""
        return torch.cat(propagate(factor_motions(self.tables, self.tables.initial), [], []))

    def scored(self, preferences: Any) -> FactorOutcomes:
        """How outcomes are scored under the preferences of a time step."""
        key = id(preferences)  # kept alive with its value, so that no other takes its place
        if key not in self._scored:
            if len(self._scored) >= KEPT_STEPS:
                self._scored.pop(next(iter(self._scored)))
            found = factor_outcomes(self.tables, preferences, self.novelty)
            self._scored[key] = (preferences, found)
        return self._scored[key][1]
