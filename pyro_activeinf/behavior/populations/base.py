"""What a population is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from pyro import poutine
from torch import Tensor

from ..choices import Choices

Program = Callable[[], Any]


class Population(ABC):
    """From the program of one person to the parameters of all: a Pyro program itself."""

    @abstractmethod
    def __call__(self, parameters: Program, choices: Choices, subjects: Any) -> dict[str, Tensor]:
        """Sample the parameters of every subject, site to ``(*outer, subjects, *event)``.

        Args:
            parameters: the Pyro program of one person.
            choices: the data, for their covariates.
            subjects: the Pyro plate of the subjects, at dim -2: dim -1 is that of the trials.
        """


def by_subject(program: Program, subjects: Any) -> dict[str, Tensor]:
    """Run a program under the plate of the subjects; its sites, ``(*outer, subjects, *event)``."""
    with poutine.trace() as tracer, subjects:
        program()
    sites: dict[str, Any] = dict(tracer.trace.nodes)
    return {
        name: without_trials(site["value"], site["fn"].event_dim, subjects.size)
        for name, site in sites.items()
        if site["type"] == "sample" and not site["is_observed"] and name != subjects.name
    }


def without_trials(value: Tensor, event: int, subjects: int) -> Tensor:
    """Drop the dim of the trials, ``(*outer, subjects, 1, *event)``."""
    inner = value.shape[value.dim() - event :]
    batch = value.shape[: value.dim() - event]
    wide = value.expand(*([subjects, 1] if len(batch) < 2 else batch), *inner)
    return wide.squeeze(-1 - event)
