"""Choices rearranged: rows for each subject and condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .._checks import complain, known_names
from .choices import Choices, check_choices

SUBJECT = "subject"  # the covariate that says whose row it is


def split(choices: Choices, condition: str) -> Choices:
    """Make a row of each subject in each condition, so that parameters may differ between them.

    A row holds the trials of its condition in their order, as those of a subject of its own:
    nothing is carried over from other conditions. Its label is ``"subject, level"``; the
    covariates ``subject`` and ``condition`` (under its name) say whose it is and which, for
    :class:`~.populations.Conditions`, or for a formula.

    Raises:
        ValueError: for an unknown condition, or one that is missing at a trial.

    Example:
        >>> drug = torch.tensor([[0, 0, 1], [1, 1, 1]])
        >>> choices = Choices(torch.tensor([[0, 1, 1], [1, 0, 1]]), conditions={"drug": drug},
        ...                   levels={"drug": ("off", "on")})
        >>> rows = split(choices, "drug")
        >>> rows.subjects, rows.actions.tolist()
        (('0, off', '0, on', '1, on'), [[0, 1, -1], [1, -1, -1], [1, 0, 1]])
    """
    check_choices(choices)
    known_names("condition", [condition], list(choices.conditions))
    codes = torch.where(choices.present, choices.conditions[condition], -1)
    _complete(choices, condition, codes)
    labels = choices.levels.get(condition) or tuple(range(int(codes.max()) + 1))
    pairs = [(i, k) for i, row in enumerate(codes) for k in row.unique().tolist() if k >= 0]
    trials = [(codes[i] == k).nonzero().squeeze(-1) for i, k in pairs]
    found = taken(choices, [i for i, _ in pairs], trials)
    who = [choices.subjects[i] for i, _ in pairs]
    level = [labels[k] for _, k in pairs]
    return replace(
        found,
        subjects=tuple(f"{a}, {b}" for a, b in zip(who, level, strict=True)),
        covariates={**found.covariates, SUBJECT: tuple(who), condition: tuple(level)},
    )


def _complete(choices: Choices, condition: str, codes: Tensor) -> None:
    missing = (choices.present & (codes < 0)).any(-1).tolist()
    gone = [who for who, none in zip(choices.subjects, missing, strict=True) if none]
    if gone:
        expected = f"a value of {condition!r} at every trial"
        raise ValueError(complain("condition", expected, f"missing ones for subjects {gone}"))


def taken(choices: Choices, subjects: Sequence[int], trials: Sequence[Tensor]) -> Choices:
    """Rows of some subjects with some of their trials each, padded."""
    length = max((len(each) for each in trials), default=0)
    who = torch.tensor(subjects)
    when = torch.stack([torch.nn.functional.pad(t, (0, length - len(t))) for t in trials])
    there = torch.arange(length) < torch.tensor([len(t) for t in trials]).unsqueeze(-1)

    def picked(value: Tensor) -> Tensor:
        found = value[who.unsqueeze(-1), when]
        mask = there.reshape(*there.shape, *[1] * (found.dim() - 2))
        return torch.where(mask, found, torch.nan if found.is_floating_point() else -1)

    def each(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: picked(value) for name, value in values.items()}

    starts = choices.starts[who.unsqueeze(-1), when] & there
    starts[:, :1] = True
    times = choices.response_times
    return replace(
        choices,
        actions=picked(choices.actions),
        outcomes=each(choices.outcomes),
        cues=each(choices.cues),
        present=choices.present[who.unsqueeze(-1), when] & there,
        starts=starts,
        response_times=None if times is None else picked(times),
        conditions=each(choices.conditions),
        covariates={name: _of(value, subjects) for name, value in choices.covariates.items()},
        subjects=tuple(choices.subjects[i] for i in subjects),
    )


def _of(value: Any, subjects: Sequence[int]) -> Any:
    """Values of some subjects: a tensor, or labels."""
    if isinstance(value, Tensor):
        return value[torch.tensor(subjects)]
    return tuple(value[i] for i in subjects)
