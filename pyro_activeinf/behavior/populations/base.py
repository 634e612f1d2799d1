"""What a population is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_subsample
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
    with Watched() as watched, subjects:
        program()
    return {
        name: without_trials(site["value"], site["fn"].event_dim, subjects.size)
        for name, site in watched.sites.items()
    }


class Watched(Messenger):
    """Keeps the latent sites of a program under their own names, and may rename them.

    What counts is what the program says: sites that inference conditions are latent.
    """

    def __init__(self, renamed: str = "{}") -> None:
        super().__init__()
        self.renamed = renamed
        self.sites: dict[str, Any] = {}  # name in the program -> message, with fn and value

    def _pyro_sample(self, msg: Any) -> None:
        if site_is_subsample(msg):
            return
        if not msg["is_observed"]:
            self.sites[msg["name"]] = msg
        msg["name"] = self.renamed.format(msg["name"])


def without_trials(value: Tensor, event: int, subjects: int) -> Tensor:
    """Drop the dim of the trials, ``(*outer, subjects, 1, *event)``."""
    inner = value.shape[value.dim() - event :]
    batch = value.shape[: value.dim() - event]
    wide = value.expand(*([subjects, 1] if len(batch) < 2 else batch), *inner)
    return wide.squeeze(-1 - event)
