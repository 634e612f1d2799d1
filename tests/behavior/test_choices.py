"""The table of choices: what is filled in, and what is refused."""

from typing import Any

import pytest
import torch

from pyro_activeinf.behavior import Choices


def test_what_is_not_given_is_filled_in() -> None:
    choices = Choices(torch.tensor([[0, -1], [1, 1]]))
    assert choices.present.all()
    assert choices.starts.tolist() == [[True, False]] * 2
    assert choices.subjects == (0, 1)
    assert choices.counted.tolist() == [[True, False], [True, True]]
    assert (choices.num_subjects, choices.num_trials) == (2, 2)


def test_times_count_with_their_choices() -> None:
    times = torch.tensor([[0.4, 0.5, torch.nan, 0.7]])
    present = torch.tensor([[True, True, True, False]])
    choices = Choices(torch.tensor([[0, -1, 1, 1]]), response_times=times, present=present)
    assert choices.timed.tolist() == [[True, False, False, False]]
    assert choices.seconds.tolist() == [[0.4, 1.0, 1.0, 1.0]]


def test_choices_without_times_say_so() -> None:
    with pytest.raises(ValueError, match="choices with response times"):
        _ = Choices(torch.zeros(1, 1).long()).timed


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"actions": torch.zeros(2, 3)}, r"`actions`.*integers"),
        ({"actions": torch.zeros(2).long()}, r"`actions`.*shape \(2,\)"),
        ({"outcomes": {"seen": torch.zeros(2, 4)}}, r"`seen`.*\(2, 3\).*\(2, 4\)"),
        ({"response_times": torch.zeros(3, 2)}, r"`response_times`.*\(3, 2\)"),
        ({"subjects": ("a",)}, r"`subjects`.*of 2 subjects"),
        ({"actions": torch.ones(2, 3).bool()}, r"`actions`.*integers"),
        ({"present": torch.ones(2, 3)}, r"`present`.*bools.*float"),
        ({"starts": torch.ones(2, 3).long()}, r"`starts`.*bools.*int64"),
        ({"covariates": {"age": torch.ones(3)}}, r"`age`.*2 subjects.*3"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Choices(**{"actions": torch.zeros(2, 3).long(), **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"actions": [[0, 1]]}, r"`actions`.*a tensor of integers.*from_dataframe"),
        ({"outcomes": torch.zeros(2, 3)}, r"`outcomes`.*a dict by name"),
        ({"cues": {"seen": [[1]]}}, r"`seen`.*a tensor \(subjects, trials, ..\) = \(2, 3\)"),
    ],
)
def test_what_is_no_table_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Choices(**{"actions": torch.zeros(2, 3).long(), **fields})
