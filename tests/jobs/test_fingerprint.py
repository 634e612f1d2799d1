"""Digests: of values, in whatever process."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pyro_activeinf.jobs import digest
from tests.jobs import calls, workers


@dataclass(frozen=True)
class Point:
    place: torch.Tensor
    name: str = ""


def different() -> list[Any]:
    return [
        None,
        0,
        0.0,
        False,
        "0",
        b"0",
        (),
        [],
        {},
        set(),
        [0],
        [[0]],
        [0, 0],
        {"a": 0},
        {"a": 1},
        {0, 1},
        frozenset({0, 1}),
        Path("a"),
        "a",
        torch.zeros(2),
        torch.zeros(2, dtype=torch.float16),
        torch.zeros(1, 2),
        torch.zeros(2).to(torch.int64),
        torch.tensor([0.0, 1.0]),
        np.array(["a", 1], dtype=object),
        np.array(["a", 2], dtype=object),
        torch.float32,
        torch.float64,
        calls.draws,
        calls.count,
        Point,
        Point(torch.zeros(2)),
        Point(torch.ones(2)),
        Point(torch.zeros(2), "a"),
        functools.partial(calls.draws, 1),
        functools.partial(calls.draws, 2),
        torch.nn.Linear(2, 2),
        range(2),
        range(3),
        "abc".upper,
        "abd".upper,
        len,
    ]


def test_what_differs_has_another_digest() -> None:
    digests = list(map(digest, different()))
    assert len(set(digests)) == len(digests)


def test_what_is_equal_has_the_same_digest() -> None:
    torch.manual_seed(0)
    first = different()
    torch.manual_seed(0)
    assert list(map(digest, first)) == list(map(digest, different()))


def test_order_counts_where_it_means_something() -> None:
    for order in itertools.permutations("abc"):
        assert digest(dict.fromkeys(order)) == digest(dict.fromkeys("abc"))
        assert digest(set(order)) == digest(set("abc"))
    assert digest(["a", "b"]) != digest(["b", "a"])


def test_another_process_finds_the_same() -> None:
    """Whose hashes of text differ."""
    value = {"b": {"x", "y", "z"}, "a": 0.1, "c": torch.ones(2)}
    with workers.pool(1) as pool:
        assert pool.submit(digest, value).result() == digest(value)
        assert pool.submit(hash, "text").result() != hash("text")


def test_a_value_may_hold_itself() -> None:
    one: list[Any] = [1]
    one.append(one)
    other: list[Any] = [1]
    other.append(other)
    assert digest(one) == digest(other) != digest([1, [1]])


def test_what_cannot_be_pickled_is_refused() -> None:
    with pytest.raises(TypeError, match="arguments that can be pickled"):
        digest([calls.Stubborn()])
