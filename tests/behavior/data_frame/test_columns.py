"""Columns as tensors."""

import numpy as np
import pandas as pd
import pytest
import torch

from pyro_activeinf.behavior.data_frame.columns import (
    check_columns,
    discrete,
    observed,
    real,
    refuse,
)

FRAME = pd.DataFrame(
    {"arm": ["b", "a", None], "seen": [0.5, np.nan, 1.0], "when": [1, 2, 3]}, index=[7, 8, 9]
)


def test_kinds_of_columns() -> None:
    arm = discrete(FRAME, "action", "arm")
    assert (arm.values.tolist(), arm.labels) == ([1, 0, -1], ("a", "b"))
    both = observed(FRAME, "observation", ["seen", "when"])
    expected = torch.tensor([[0.5, 1.0], [torch.nan, 2.0], [1.0, 3.0]])
    torch.testing.assert_close(both.values, expected, equal_nan=True)
    assert real(FRAME, "response_time", "seen").dtype == torch.get_default_dtype()


def test_columns_of_different_labels_are_no_vector_of_labels() -> None:
    frame = pd.DataFrame({"x": ["a", "b"], "y": ["c", "d"], "z": ["b", "a"]})
    assert observed(frame, "cue", ["x", "y"]).labels == ()
    assert observed(frame, "cue", ["x", "z"]).labels == ("a", "b")


def test_errors_name_the_first_rows() -> None:
    with pytest.raises(ValueError, match=r"\[0.5, 1.0\] in column 'seen', rows \[7, 9\]"):
        refuse(FRAME, "x", "seen", [True, False, True], "something else")
    many = pd.DataFrame({"x": range(9)})
    with pytest.raises(ValueError, match=r"rows \[0, 1, 2, 3, 4\] and 4 more"):
        refuse(many, "x", "x", [True] * 9, "something else")
    refuse(FRAME, "x", "seen", [False] * 3, "something else")


def test_an_unknown_column_is_told_with_similar_ones() -> None:
    with pytest.raises(ValueError, match=r"got 'sen'. Did you mean 'seen'\?"):
        check_columns(FRAME, "observation", ["sen"])
    with pytest.raises(ValueError, match=r"got 'q'\.$"):
        check_columns(FRAME, "observation", ["q"])
