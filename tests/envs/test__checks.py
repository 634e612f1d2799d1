"""What the checks let through, and the words of their errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pyro_activeinf.envs import _checks

NAMES = ("left", "right")


@pytest.mark.parametrize("value", [0, 1, 0.25, np.float32(0.25), True])
def test_probability_returns_a_float(value: Any) -> None:
    got = _checks.probability("validity", value)

    assert type(got) is float
    assert got == value


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf")])
def test_probability_out_of_range(value: Any) -> None:
    with pytest.raises(ValueError, match=r"expected a probability, got .* from 0 to 1"):
        _checks.probability("validity", value)


@pytest.mark.parametrize("value", ["0.5", None, 0.5j, [0.5]])
def test_probability_of_another_type(value: Any) -> None:
    with pytest.raises(TypeError, match=r"expected a probability, got .* from 0 to 1"):
        _checks.probability("validity", value)


@pytest.mark.parametrize("value", [1, 7, np.int64(7), torch.tensor(7)])
def test_count_returns_an_int(value: Any) -> None:
    got = _checks.count("moves", value)

    assert type(got) is int
    assert got == value


@pytest.mark.parametrize("value", [0, -3])
def test_count_too_small(value: Any) -> None:
    with pytest.raises(ValueError, match=f"`moves`: expected a count, got {value}.*at least 1"):
        _checks.count("moves", value)


@pytest.mark.parametrize("value", [2.0, "2", None])
def test_count_of_another_type(value: Any) -> None:
    with pytest.raises(TypeError, match=f"`moves`: expected a count, got {value!r}.*at least 1"):
        _checks.count("moves", value)


@pytest.mark.parametrize("value", [1, np.int32(1), np.array(1), torch.tensor(1)])
def test_index_returns_an_int(value: Any) -> None:
    got = _checks.index("action", value, NAMES)

    assert type(got) is int
    assert got == 1


@pytest.mark.parametrize("value", [-1, 2])
def test_index_of_no_name(value: Any) -> None:
    expected = rf"`action`: expected an integer, got {value}\. Pass one of 0 \(left\), 1 \(right\)"
    with pytest.raises(ValueError, match=expected):
        _checks.index("action", value, NAMES)


@pytest.mark.parametrize("value", [1.0, "left", None, np.array([0, 1]), torch.tensor(1.0)])
def test_index_of_another_type(value: Any) -> None:
    with pytest.raises(TypeError, match="`action`: expected an integer, got "):
        _checks.index("action", value, NAMES)


@pytest.mark.parametrize("value", [None, "ansi"])
def test_render_mode_is_returned(value: Any) -> None:
    assert _checks.render_mode(value, ["ansi"]) == value


def test_unknown_render_mode() -> None:
    with pytest.raises(ValueError, match=r"one of \['ansi'\], got 'human'\. Leave"):
        _checks.render_mode("human", ["ansi"])
