"""What an engine of inference is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from torch import Tensor

from .target import Target


@dataclass(frozen=True)
class Found:
    """What an engine found."""

    z: Tensor  # (chains, draws, dim), coordinates of the target
    statistics: Mapping[str, Tensor] = field(default_factory=dict)  # name -> (chains, draws)
    log_weights: Tensor | None = None
    # (draws, cells): log-density of the target less that of an approximation, in nats
    pareto_k: Tensor | None = None  # (cells,), of these weights
    by_subject: Mapping[str, Tensor] = field(default_factory=dict)
    # name -> (subjects,), from engines that take each subject by itself
    run: Any = None  # a learning.TrainingRun, where steps were taken

    @property
    def log_evidence(self) -> Tensor | None:
        r"""An estimate of log p(x) from the weights, :math:`\log \frac1N \sum_n w_n`; ``(cells,)``.

        In nats; ``None`` without an approximation.
        """
        if self.log_weights is None:
            return None
        return self.log_weights.logsumexp(0) - math.log(len(self.log_weights))


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


@dataclass(frozen=True)
class Keeping:
    """Where a run is kept, to go on after it was interrupted or killed."""

    path: Path
    every: int  # steps from one writing to the next
    resume: bool  # go on from the file, if it is there


class Resumable(Engine):
    """An engine that goes step by step, and can go on from a file."""

    @final
    def __call__(self, target: Target, start: Tensor | None, progress: bool) -> Found:
        """Draw from the target, without a file."""
        return self.kept(target, start, progress, None)

    @abstractmethod
    def kept(
        self, target: Target, start: Tensor | None, progress: bool, keeping: Keeping | None
    ) -> Found:
        """Draw from the target, and keep what a later start needs.

        Args:
            target, start, progress: as ``__call__`` takes them.
            keeping: a file; ``None`` to keep nothing.

        Raises:
            ValueError: the file is damaged, foreign, or of another run.
        """
