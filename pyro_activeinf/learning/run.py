"""The record of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class TrainingRun:
    r"""What happened at each step of learning; nats.

    .. math:: F = complexity - accuracy

    The loss is F, with the weights and free bits of the free energy where it has some, as
    estimated at that step. Complexity and accuracy are of F itself, read off every now and then
    from the draws of that step: under ``Trace_ELBO`` without weights their difference is the loss.

    Example:
        >>> steps = torch.tensor([3.0, 2.0, 1.0])
        >>> run = TrainingRun(steps, steps, steps, torch.tensor([2]), steps[2:], 0 * steps[2:])
        >>> run.steps, run.losses[run.evaluated] == run.complexity - run.accuracy
        (3, tensor([True]))
    """

    losses: Tensor  # (steps,)
    gradient_norms: Tensor  # (steps,): before clipping
    seconds: Tensor  # (steps,): since the start, without pauses between runs
    evaluated: Tensor  # (points,): the steps at which complexity and accuracy were read off
    complexity: Tensor  # (points,)
    accuracy: Tensor  # (points,)
    ending: str = "all steps"  # or "early stop", "interrupt"
    compile_seconds: float = 0.0
    not_compiled: str = ""  # why, where compilation was asked for

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.losses)


@dataclass
class Recorder:
    """Grows a record."""

    losses: list[float] = field(default_factory=list)
    gradient_norms: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    evaluated: list[int] = field(default_factory=list)
    complexity: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)

    def stepped(self, loss: float, norm: float, seconds: float) -> None:
        """Add a step."""
        self.losses.append(loss)
        self.gradient_norms.append(norm)
        self.seconds.append(seconds)

    def read_off(self, complexity: float, accuracy: float) -> None:
        """Add the terms of the step that comes next."""
        self.evaluated.append(len(self.losses))
        self.complexity.append(complexity)
        self.accuracy.append(accuracy)

    def columns(self) -> dict[str, Tensor]:
        """The record as tensors: float64, steps as int64."""
        numbers = partial(torch.tensor, dtype=torch.float64)
        columns = {name: numbers(rows) for name, rows in vars(self).items()}
        return columns | {"evaluated": torch.tensor(self.evaluated, dtype=torch.int64)}

    @classmethod
    def from_columns(cls, columns: Mapping[str, Tensor]) -> Recorder:
        """Go on with what :meth:`columns` returned."""
        return cls(**{name: column.tolist() for name, column in columns.items()})

    def run(self, **rest: Any) -> TrainingRun:
        """The record so far."""
        known = sum(step < len(self.losses) for step in self.evaluated)  # the last may be open
        columns = self.columns()
        for name in ("evaluated", "complexity", "accuracy"):
            columns[name] = columns[name][:known]
        return TrainingRun(**columns, **rest)  # type: ignore[arg-type]
