"""Rows of subjects and conditions: against a loop over trials."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyro_activeinf.behavior import Choices, split


@st.composite
def some_choices(draw: st.DrawFn) -> Choices:
    subjects, trials = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    made = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))

    def integers(top: int, low: int = 0) -> torch.Tensor:
        return torch.randint(low, top, (subjects, trials), generator=made)

    length = torch.randint(1, trials + 1, (subjects, 1), generator=made)
    present = torch.arange(trials) < length
    return Choices(
        actions=torch.where(present, integers(3, -1), -1),
        outcomes={"seen": torch.randn(subjects, trials, 2, generator=made)},
        cues={"shown": integers(5, -1)},
        present=present,
        starts=(torch.arange(trials) == 0) | (integers(4) == 0),
        response_times=torch.rand(subjects, trials, generator=made),
        conditions={"drug": integers(3), "place": integers(2)},
        covariates={"age": torch.randn(subjects, generator=made), "name": tuple("abcd"[:subjects])},
    )


def trials_of(choices: Choices, row: int) -> list[tuple[Any, ...]]:
    """What happened at each trial of a row, apart from whether a session began."""
    assert choices.response_times is not None
    return [
        (
            choices.actions[row, t].item(),
            tuple(choices.outcomes["seen"][row, t].tolist()),
            choices.cues["shown"][row, t].item(),
            choices.response_times[row, t].item(),
            choices.conditions["drug"][row, t].item(),
            choices.conditions["place"][row, t].item(),
        )
        for t in range(choices.num_trials)
        if choices.present[row, t]
    ]


@given(some_choices())
def test_each_trial_is_in_the_row_of_its_condition(choices: Choices) -> None:
    rows = split(choices, "drug")
    expected = {
        f"{who}, {drug}": [each for each in trials_of(choices, i) if each[-2] == drug]
        for i, who in enumerate(choices.subjects)
        for drug in range(3)
    }
    found = {label: trials_of(rows, i) for i, label in enumerate(rows.subjects)}
    assert found == {label: trials for label, trials in expected.items() if trials}
    whose, which = rows.covariates["subject"], rows.covariates["drug"]
    assert rows.subjects == tuple(f"{a}, {b}" for a, b in zip(whose, which, strict=True))
    for i, who in enumerate(whose):
        assert rows.covariates["age"][i] == choices.covariates["age"][who]
        assert rows.covariates["name"][i] == choices.covariates["name"][who]
    assert rows.starts[:, 0].all()
    assert (rows.actions[~rows.present] == -1).all()


def test_sessions_begin_where_they_began() -> None:
    starts = torch.tensor([[True, False, True, False, True]])
    drug = torch.tensor([[0, 1, 0, 0, 0]])
    rows = split(Choices(torch.ones(1, 5).long(), starts=starts, conditions={"drug": drug}), "drug")
    assert rows.starts.tolist() == [[True, True, False, True], [True, False, False, False]]


def test_a_trial_without_condition_is_refused() -> None:
    drug = torch.tensor([[0, 1], [-1, 1]])
    choices = Choices(torch.ones(2, 2).long(), conditions={"drug": drug}, subjects=("ann", "ben"))
    with pytest.raises(ValueError, match=r"'drug' at every trial.*\['ben'\]"):
        split(choices, "drug")


def test_a_condition_is_one_of_the_choices() -> None:
    with pytest.raises(ValueError, match=r"`condition`.*\['dose'\]"):
        split(Choices(torch.ones(1, 1).long()), "dose")
