"""What an engine of inference is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from .target import Target


@dataclass(frozen=True)
class Found:
    """What an engine found."""

    z: Tensor  # (chains, draws, dim), coordinates of the target
    statistics: Mapping[str, Tensor] = field(default_factory=dict)  # name -> (chains, draws)
    log_evidence: float | None = None  # log p(x), or a bound of it, in nats
    pareto_k: float | None = None  # of the importance weights of an approximation
    by_subject: Mapping[str, Tensor] = field(default_factory=dict)
    # name -> (subjects,), from engines that take each subject by itself
    run: Any = None  # a learning.TrainingRun, where steps were taken


class Engine(ABC):
    """From a target to draws; engines are frozen dataclasses of their settings."""

    @abstractmethod
    def __call__(self, target: Target, start: Tensor | None, progress: bool) -> Found:
        """Draw from the target.

        Args:
            target: the density.
            start: points ``(points, dim)`` to start from; drawn from around the prior by default.
            progress: show a progress bar.
        """
