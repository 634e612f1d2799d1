"""Draws as data sets with named dims."""

from __future__ import annotations

import numpy as np
import torch

from pyro_activeinf.behavior import Choices
from pyro_activeinf.behavior.data_sets import array_of, dataset, drawn, labels


def test_dims_without_coordinates_are_counted() -> None:
    found = dataset({"a/b": (("row", "col"), torch.ones(2, 3))}, {"col": ["x", "y", "z"]})

    assert dict(found.sizes) == {"row": 2, "col": 3}
    assert found["a.b"].dtype == np.float64
    assert found.coords["row"].values.tolist() == [0, 1]
    assert found.coords["col"].values.tolist() == ["x", "y", "z"]


def test_coordinates_of_dims_that_are_not_there_are_left_out() -> None:
    given = {"col": [1], "name": ("row", ["p", "q"]), "pair": (("row", "col"), np.ones((2, 1)))}

    found = dataset({"a": (("row",), np.zeros(2))}, given)

    assert set(found.coords) == {"row", "name"}
    assert found.coords["name"].values.tolist() == ["p", "q"]


def test_draws_are_over_plates_then_events() -> None:
    draws = {"w": torch.zeros(2, 5, 3, 4, 6), "s": torch.zeros(2, 5)}

    found = drawn(draws, {"w": ("subject",), "s": ()}, {"w": "type"})
    plain = drawn(draws, {"w": ("subject",), "s": ()})

    assert found["w"][0] == ("chain", "draw", "subject", "type", "w_dim_1")
    assert plain["w"][0] == ("chain", "draw", "subject", "w_dim_0", "w_dim_1")
    assert found["s"][0] == ("chain", "draw")
    assert found["w"][1] is draws["w"]


def test_labels_are_of_subjects_trials_and_actions() -> None:
    actions = torch.zeros(2, 3, dtype=torch.long)
    named = Choices(actions, subjects=("ann", "bob"), labels={"action": ("left", "right")})

    found = labels(named)

    assert {name: value.tolist() for name, value in found.items()} == {
        "subject": ["ann", "bob"],
        "trial": [0, 1, 2],
        "action": ["left", "right"],
    }
    assert "action" not in labels(Choices(actions))


def test_tensors_that_are_differentiated_become_arrays() -> None:
    leaf = torch.ones(2, requires_grad=True)

    np.testing.assert_array_equal(array_of(leaf), np.ones(2))
    assert array_of([1, 2]).tolist() == [1, 2]
