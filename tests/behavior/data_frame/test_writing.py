"""Choices written in long format."""

import numpy as np
import torch

from pyro_activeinf.behavior import Choices, to_dataframe


def test_there_is_a_row_for_each_trial() -> None:
    choices = Choices(
        actions=torch.tensor([[1, -1, 0], [0, 1, -1]]),
        outcomes={"won": torch.tensor([[1.0, torch.nan, 0.0], [0.5, 0.0, torch.nan]])},
        cues={"tone": torch.tensor([[[3, 4], [-1, 5], [0, 0]], [[1, 1], [2, 2], [-1, -1]]])},
        present=torch.tensor([[True, True, True], [True, True, False]]),
        starts=torch.tensor([[True, False, True], [True, False, False]]),
        conditions={"drug": torch.tensor([[0, 1, 1], [1, 1, -1]])},
        levels={"drug": ("off", "on")},
        covariates={"age": torch.tensor([30.0, 40.0]), "sex": ("f", "m")},
        subjects=("ann", "ben"),
        labels={"action": ("left", "right")},
    )
    found = to_dataframe(choices)
    assert found["subject"].tolist() == ["ann"] * 3 + ["ben"] * 2
    assert found["session"].tolist() == [1, 1, 2, 1, 1]
    assert found["trial"].tolist() == [1, 2, 3, 1, 2]
    assert found["action"].astype(object).fillna("-").tolist() == [
        *("right", "-", "left"),
        *("left", "right"),
    ]
    np.testing.assert_array_equal(found["won"], [1.0, np.nan, 0.0, 0.5, 0.0])
    assert found["tone_0"].fillna(-1).tolist() == [3, -1, 0, 1, 2]
    assert found["tone_1"].tolist() == [4, 5, 0, 1, 2]
    assert found["drug"].tolist() == ["off", "on", "on", "on", "on"]
    assert found["age"].tolist() == [30.0] * 3 + [40.0] * 2
    assert found["sex"].tolist() == ["f"] * 3 + ["m"] * 2
    assert "response_time" not in found


def test_times_have_a_column() -> None:
    times = torch.tensor([[0.5, torch.nan]])
    found = to_dataframe(Choices(torch.zeros(1, 2).long(), response_times=times))
    np.testing.assert_array_equal(found["response_time"], [0.5, np.nan])
    assert found["action"].tolist() == [0, 0]
