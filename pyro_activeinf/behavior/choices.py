"""What people saw and did: a table of subjects by trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from .._checks import complain, instance
from .histories import Histories

Labels = tuple[Any, ...]


@dataclass(frozen=True)
class Choices:
    """Choices of subjects, trial by trial, with what they were shown before and after each.

    Subjects with fewer trials are padded: rows where ``present`` is false are no trials. What is
    missing is -1 (integers) or NaN (reals). A trial without an action is passed over: it neither
    counts nor teaches.

    Raises:
        TypeError: for fields of other kinds than are said below.
        ValueError: where shapes do not agree, integers are below -1, which alone is missing, or
            response times are not above 0 s.

    Example:
        >>> choices = Choices(
        ...     torch.tensor([[0, 1, -1], [1, 1, 0]]),  # the third choice of the first was missed
        ...     outcomes={"coin": torch.tensor([[1, 0, -1], [0, 1, 1]])},
        ...     subjects=("Ada", "Ben"),
        ... )
        >>> choices.counted.sum(-1).tolist(), choices.starts[:, 0].tolist()
        ([2, 3], [True, True])
    """

    actions: Tensor  # (subjects, trials), integers from 0 on; -1 where none was recorded
    outcomes: Mapping[str, Tensor] = field(default_factory=dict)
    # site -> (subjects, trials, *event): what the action of this trial brought
    cues: Mapping[str, Tensor] = field(default_factory=dict)
    # site -> (subjects, trials, *event): what was shown before the action of this trial
    present: Tensor = None  # type: ignore[assignment] # (subjects, trials), bool; all by default
    starts: Tensor = None  # type: ignore[assignment]
    # (subjects, trials), bool: a session begins here; only the first trial by default
    response_times: Tensor | None = None  # (subjects, trials), seconds; NaN where missing
    conditions: Mapping[str, Tensor] = field(default_factory=dict)
    # name -> (subjects, trials), positions in `levels`; -1 where missing
    levels: Mapping[str, Labels] = field(default_factory=dict)  # labels of a condition's values
    covariates: Mapping[str, Any] = field(default_factory=dict)
    # name -> (subjects,) numbers or labels
    subjects: Labels = ()  # their labels; 0, 1, .. by default
    labels: Mapping[str, Labels] = field(default_factory=dict)
    # what 0, 1, .. stand for: of "action", and of the sites of outcomes and cues

    def __post_init__(self) -> None:
        """Fill in what was not given, and see that shapes agree."""
        _check_actions(self.actions)
        for name in ("outcomes", "cues", "conditions", "levels", "covariates", "labels"):
            instance(name, getattr(self, name), Mapping, "a dict by name")
        shape = tuple(self.actions.shape)
        if self.present is None:
            object.__setattr__(self, "present", torch.ones(shape, dtype=torch.bool))
        if self.starts is None:
            starts = torch.zeros(shape, dtype=torch.bool)
            starts[:, :1] = True
            object.__setattr__(self, "starts", starts)
        if not self.subjects:
            object.__setattr__(self, "subjects", tuple(range(shape[0])))
        for name, value in self._by_trial().items():
            if value is not None:
                _check_shape(name, value, shape)
                _check_missing(name, value)
        if self.response_times is not None:
            _check_times(self.response_times)
        for name in ("present", "starts"):
            if (dtype := getattr(self, name).dtype) != torch.bool:
                raise ValueError(complain(name, "a tensor of bools", dtype))
        for name, values in {**self.covariates, "subjects": self.subjects}.items():
            _check_each(name, values, shape[0])
        for name, values in {**self.levels, **self.labels}.items():
            instance(name, values, Sequence, "a tuple of labels")

    def _by_trial(self) -> dict[str, Tensor | None]:
        fixed = {name: getattr(self, name) for name in ("present", "starts", "response_times")}
        return {**self.outcomes, **self.cues, **self.conditions, **fixed}

    @property
    def num_subjects(self) -> int:
        """Number of subjects."""
        return self.actions.shape[0]

    @property
    def num_trials(self) -> int:
        """Number of trials of the subject with most of them."""
        return self.actions.shape[1]

    @cached_property
    def counted(self) -> Tensor:
        """Trials that enter the likelihood: present, with an action; ``(subjects, trials)``."""
        return self.present & (self.actions >= 0)

    @cached_property
    def most(self) -> int:
        """The largest action; -1 where there is none."""
        return max(self.actions.flatten().tolist(), default=-1)

    @cached_property
    def histories(self) -> Histories | None:
        """Histories within sessions, where the same ones come again and again."""
        shown = {**self.cues, "": self.counted}
        return Histories.of(self.starts, shown, {**self.outcomes, "": self.actions})

    @cached_property
    def timed(self) -> Tensor:
        """Trials whose response time enters the likelihood, ``(subjects, trials)``."""
        return self.counted & self._times.isfinite()

    @cached_property
    def seconds(self) -> Tensor:
        """Response times ``(subjects, trials)``; 1 where there is none."""
        return torch.where(self.timed, self._times, 1.0)

    @property
    def _times(self) -> Tensor:
        if self.response_times is None:
            way_out = "Name their column in from_dataframe(.., response_time=..)."
            raise ValueError(complain("choices", "choices with response times", "none", way_out))
        return self.response_times

    @cached_property
    def memo(self) -> dict[Any, Any]:
        """What others have derived from these choices, to be derived once."""
        return {}


def _check_actions(actions: Any) -> None:
    way_out = "from_dataframe reads choices from a table."
    instance("actions", actions, Tensor, "a tensor of integers (subjects, trials)", way_out)
    counted = not (actions.is_floating_point() or actions.dtype == torch.bool)
    if actions.dim() != 2 or not counted:
        got = f"{actions.dtype} of shape {tuple(actions.shape)}"
        raise ValueError(complain("actions", "integers (subjects, trials)", got))
    _check_missing("actions", actions)


def _check_missing(name: str, value: Tensor) -> None:
    """Integers below -1 are nothing: neither values nor missing."""
    if value.is_floating_point() or value.is_complex() or value.dtype == torch.bool:
        return
    wrong = (value < -1).nonzero()
    if len(wrong):
        got = f"{int(value[tuple(wrong[0])])} of subject {int(wrong[0, 0])} at trial "
        way_out = "Missing is -1; real numbers, which may be below 0, are floats."
        raise ValueError(
            complain(name, "integers from 0 on, or -1", f"{got}{int(wrong[0, 1])}", way_out)
        )


def _check_each(name: str, values: Any, subjects: int) -> None:
    expected = f"a value of each of {subjects} subjects"
    instance(name, values, Sized, expected)
    if isinstance(values, str) or len(values) != subjects:
        raise ValueError(complain(name, expected, repr(values)))


def _check_shape(name: str, value: Any, shape: tuple[int, ...]) -> None:
    expected = f"(subjects, trials, ..) = {shape}"
    instance(name, value, Tensor, f"a tensor {expected}")
    if tuple(value.shape[:2]) != shape:
        raise ValueError(complain(name, expected, tuple(value.shape)))


def _check_times(times: Tensor) -> None:
    wrong = (~((times > 0) & times.isfinite()) & ~times.isnan()).nonzero()
    if len(wrong):
        subject, trial = wrong[0].tolist()
        got = f"{float(times[subject, trial])} of subject {subject} at trial {trial}"
        way_out = "Write NaN where there is none."
        raise ValueError(complain("response_times", "seconds above 0", got, way_out))


def check_choices(choices: object) -> None:
    """Raise ``TypeError`` for what is no table of choices."""
    way_out = "from_dataframe(df, ..) makes them of a data frame."
    instance("choices", choices, Choices, "Choices", way_out)
