"""What a task is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ..._checks import complain

State = Any  # any structure of tensors (subjects, *event)


def check_probability(name: str, value: object) -> None:
    """Raise ``ValueError`` unless this is a probability."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(complain(name, "a probability", repr(value)))


@dataclass(frozen=True)
class Trial:
    """Where all subjects stand before they choose."""

    state: State  # of the task, not seen by the subjects
    starts: Tensor  # (subjects,), bool: a session begins with this trial
    present: Tensor  # (subjects,), bool: there is a trial
    cue: Mapping[str, Tensor] = field(default_factory=dict)
    # site -> (subjects, *event): what is shown before the choice; -1 or NaN where nothing is
    conditions: Mapping[str, Tensor] = field(default_factory=dict)
    # name -> (subjects,), integers: what the experimenter knows of the trial


class Task(ABC):
    """An experiment: what choices bring, for all subjects at once.

    Tasks are pure: what changes is in the trial's state. Randomness follows ``pyro.set_rng_seed``.
    """

    @property
    @abstractmethod
    def num_actions(self) -> int:
        """Number of actions to choose from."""

    @abstractmethod
    def begin(self, subjects: int) -> Trial:
        """The first trial of so many subjects."""

    @abstractmethod
    def step(self, trial: Trial, action: Tensor) -> tuple[dict[str, Tensor], Trial]:
        """What an action brings, and the next trial.

        Args:
            trial: where subjects stand.
            action: ``(subjects,)``.

        Returns:
            The outcome, site to ``(subjects, *event)``, and the next trial.
        """
