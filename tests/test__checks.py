"""Errors name the argument, what was expected and what was got; what is right passes through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pyro_activeinf._checks import (
    by_site,
    complain,
    in_range,
    known_names,
    nonnegative,
    numbers,
    positive,
    positive_int,
    readable_bytes,
    whole_numbers,
)


def test_complain() -> None:
    assert complain("x", "a", "b") == "`x`: expected a, got b."
    assert complain("x", "a", None, "Do c.") == "`x`: expected a, got None. Do c."


def test_positive_int() -> None:
    assert positive_int("n", 3) == 3
    wrong: list[Any] = [0, -1, 1.0, True, "1", None]
    for value in wrong:
        with pytest.raises(ValueError, match=rf"`n`: expected an integer.*got {value!r}"):
            positive_int("n", value)


def test_nonnegative() -> None:
    assert nonnegative("x", 0) == 0.0
    assert isinstance(nonnegative("x", 2), float)
    assert nonnegative("x", float("inf")) == float("inf")
    wrong: list[Any] = [-0.1, float("nan"), "1", None]
    for value in wrong:
        with pytest.raises(ValueError, match=rf"`x`: expected a number >= 0, got {value!r}"):
            nonnegative("x", value)


def test_known_names() -> None:
    known_names("x", ["a", "b"], ["b", "a", "c"])
    known_names("x", [], [])
    with pytest.raises(ValueError, match=r"`x`: expected names among \['a'\], got \['b', 'c'\]"):
        known_names("x", ["b", "a", "c"], ["a"])


def test_by_site() -> None:
    by_site("x", {"a": 1}, ["a", "b"])
    with pytest.raises(ValueError, match=r"`x`: expected names among \['a', 'b'\], got \['c'\]"):
        by_site("x", {"c": 1}, ["a", "b"])
    for value in (1, ["a"], torch.zeros(2), None):
        with pytest.raises(TypeError, match=r"`x`: expected a dict.*\['a', 'b'\], got"):
            by_site("x", value, ["a", "b"])


def test_numbers() -> None:
    tensor = torch.zeros(2)
    assert numbers("x", tensor) is tensor
    assert numbers("x", [1, 2]).tolist() == [1, 2]
    assert numbers("x", np.float32(1.5)).item() == 1.5
    for value in ("a", None, [[1], [2, 3]], {"a": 1}):
        with pytest.raises(ValueError, match="`x`: expected numbers or a tensor"):
            numbers("x", value)


def test_whole_numbers() -> None:
    for value in (2, 2.0, np.int32(2), torch.tensor(2.0)):
        found = whole_numbers("x", value)
        assert found.dtype == torch.long
        assert found.item() == 2
    assert whole_numbers("x", [[1, 2], [3, -4]]).tolist() == [[1, 2], [3, -4]]
    for wrong in ([0.5], [float("nan")], [float("inf") - float("inf")]):
        with pytest.raises(ValueError, match=r"`x`: expected whole numbers, got \[(0.5|nan)\]"):
            whole_numbers("x", wrong)
    with pytest.raises(ValueError, match="`x`: expected numbers"):
        whole_numbers("x", "left")


def test_in_range() -> None:
    index = torch.tensor([[0, 2], [1, 1]])
    assert in_range("x", index, 3) is index
    empty = torch.zeros(0, dtype=torch.long)
    assert in_range("x", empty, 0) is empty
    for wrong in ([0, 3], [-1, 0]):
        with pytest.raises(ValueError, match=r"`x`: expected integers from 0 to 2, got \["):
            in_range("x", torch.tensor(wrong), 3)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0.0 B"),
        (1023, "1023.0 B"),
        (1024, "1.0 KiB"),
        (1.5 * 2**20, "1.5 MiB"),
        (3 * 2**30, "3.0 GiB"),
        (2**40, "1.0 TiB"),
        (2**50, "1.0 PiB"),
        (2**70, "1048576.0 PiB"),
    ],
)
def test_readable_bytes(count: float, text: str) -> None:
    assert readable_bytes(count) == text


def test_a_positive_number_is_returned() -> None:
    assert positive("reach", 2) == 2.0


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), "1"])
def test_no_positive_number(value: Any) -> None:
    with pytest.raises(ValueError, match="`reach`: expected a finite number above 0, got "):
        positive("reach", value)
