"""What the models of worlds accept, and the words of their errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyro_activeinf.models import _arguments


def test_good_arguments_are_returned() -> None:
    assert _arguments.probability("noise", 1) == 1.0
    assert _arguments.numbers("rewards", (1, 2.5), ("win", "loss")).tolist() == [1.0, 2.5]
    assert _arguments.cells("walls", np.array([[0, 1], [1, 1]]), (2, 2)) == ((0, 1), (1, 1))
    assert _arguments.cells("walls", [], (2, 2)) == ()


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "0.5", None])
def test_no_probability(value: Any) -> None:
    with pytest.raises(ValueError, match="`noise`: expected a probability from 0 to 1, got "):
        _arguments.probability("noise", value)


@pytest.mark.parametrize("values", [(1.0,), 1.0, (1.0, float("nan")), ((1.0, 2.0),)])
def test_not_a_number_for_each_name(values: Any) -> None:
    with pytest.raises(ValueError, match=r"`rewards`: .* for each of \['win', 'loss'\], got "):
        _arguments.numbers("rewards", values, ("win", "loss"))


@pytest.mark.parametrize(
    "values", [[(0, 2)], [(2, 0)], [(-1, 0)], [(0,)], [(0, 0.5)], [(0, 0), (0, 0)]]
)
def test_not_different_cells_of_the_grid(values: Any) -> None:
    expected = r"`walls`: expected different cells from \(0, 0\) to \(1, 1\), got "
    with pytest.raises(ValueError, match=expected):
        _arguments.cells("walls", values, (2, 2))
