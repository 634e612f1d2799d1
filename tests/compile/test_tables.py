"""Sites find the index of any value, and tables line up with any order of variables."""

from __future__ import annotations

import math

import numpy as np
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.compile import Role, Site, Table, Tables, Variable
from pyro_activeinf.compile.tables import readable
from pyro_activeinf.records import SoftObservation

DOOR = Site("door", torch.arange(3))
COIN = Site("coin", torch.tensor([0.0, 1.0]))
ONE_HOT = Site("one_hot", torch.eye(3))
PLACES = Site("places", torch.tensor([-2.5, 0.1, 4.0]))
SHIFTED = Site("shifted", torch.tensor([-1, 0, 5]))


@pytest.mark.parametrize(
    ("site", "value", "index"),
    [
        (DOOR, 2, 2),
        (DOOR, [[0, 1], [2, -1]], [[0, 1], [2, -1]]),
        (DOOR, np.uint8(2), 2),
        (DOOR, torch.tensor([2, 1], dtype=torch.uint8), [2, 1]),
        (DOOR, torch.tensor([2, 1], dtype=torch.int32), [2, 1]),
        (DOOR, torch.tensor([2.0, math.nan, -1.0]), [2, -1, -1]),
        (COIN, True, 1),
        (COIN, torch.tensor([True, False]), [1, 0]),
        (COIN, torch.tensor([1.0, math.nan, -1.0, 0.0]), [1, -1, -1, 0]),
        (COIN, torch.tensor([1, 0, -1]), [1, 0, -1]),
        (ONE_HOT, torch.tensor([0.0, 1.0, 0.0]), 1),
        (ONE_HOT, torch.tensor([[0, 0, 1], [-1, -1, -1]]), [2, -1]),
        (ONE_HOT, torch.tensor([[math.nan] * 3, [1.0, 0.0, 0.0]]), [-1, 0]),
        (PLACES, torch.tensor([0.1, -2.5, -1.0, math.nan]), [1, 0, -1, -1]),
        (PLACES, torch.tensor([0.1, 4.0], dtype=torch.float32), [1, 2]),
        (SHIFTED, torch.tensor([5, -1, 0]), [2, 0, 1]),  # here -1 is a value
    ],
)
def test_index_finds_values_and_tells_missing_ones(
    site: Site, value: object, index: object
) -> None:
    found = site.index(value)
    assert found.tolist() == index
    assert found.dtype == torch.long


def test_index_of_a_support_in_float32_is_found_by_float64() -> None:
    site = Site("place", torch.tensor([0.1, 0.2], dtype=torch.float32))
    assert site.index(torch.tensor([0.2, 0.1], dtype=torch.float64)).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("site", "value", "message"),
    [
        (DOOR, 3, r"`door`: expected values among \[0, 1, 2\] .*missing.*got \[3\]"),
        (DOOR, torch.tensor([0, -2, 1]), r"got \[-2\]"),
        (DOOR, 1.5, r"got \[1.5\]"),
        (COIN, 0.5, r"`coin`.*got \[0.5\]"),
        (PLACES, 0, r"`places`.*got \[0\]"),  # not cut down to whole numbers to match 0.1
        (ONE_HOT, torch.tensor([[0, 0, 1], [1, 1, 0]]), r"`one_hot`.*got \[\[1, 1, 0\]\]"),
        (ONE_HOT, torch.tensor([0, 1]), r"`one_hot`.*shape \(3,\).*got shape \(2,\)"),
        (ONE_HOT, 1, r"`one_hot`.*shape \(3,\).*got shape \(\)"),
        (Site("many", torch.arange(500)), 500, r"\[0, 1, 2, 3, 4, .., 499\]"),
    ],
)
def test_index_refuses_what_is_not_in_the_support(site: Site, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        site.index(value)


def test_size_and_counts() -> None:
    assert [site.size for site in (DOOR, COIN, ONE_HOT, PLACES)] == [3, 2, 3, 3]
    assert [site.counts for site in (DOOR, COIN, ONE_HOT, PLACES)] == [True, True, False, False]


def test_log_likelihood_of_soft_observations() -> None:
    weights = torch.tensor([[0.0, -1.0, -math.inf]])
    assert DOOR.log_likelihood(SoftObservation(weights)) is weights
    probs = torch.tensor([0.2, 0.3, 0.5])
    found = DOOR.log_likelihood(dist.Categorical(probs))
    assert found is not None
    torch.testing.assert_close(found, probs.log(), rtol=0, atol=1e-12)
    assert DOOR.log_likelihood(torch.tensor(1)) is None
    with pytest.raises(ValueError, match=r"`coin`: expected 2 weights, got shape \(1, 3\)"):
        COIN.log_likelihood(SoftObservation(weights))


def test_readable_is_short() -> None:
    assert readable(torch.tensor([1, 2])) == "[1, 2]"
    assert readable(torch.arange(11)) == "[0, 1, 2, 3, 4, .., 10]"


def test_aligned_puts_each_variable_on_its_place() -> None:
    a, b, c = (Variable(Role.STATE, name) for name in "abc")
    u = Variable(Role.CONTROL, "a")  # another role, though the same name
    log_probs = torch.randn(2, 3, 4)
    table = Table(c, (a, b), log_probs)
    assert table.variables == (a, b, c)
    found = table.aligned((c, u, a, b))
    assert found.shape == (4, 1, 2, 3)
    for i, j, k in np.ndindex(2, 3, 4):
        assert found[k, 0, i, j] == log_probs[i, j, k]


def test_tables_know_their_size_and_tensors() -> None:
    sites = (DOOR, COIN, ONE_HOT)
    tables = [Table(Variable(Role.STATE, site.name), (), torch.zeros(site.size)) for site in sites]
    parts = {"initial": tables[:1], "transition": tables[1:2], "observe": tables[2:]}
    whole = Tables(sites, sites, (), **{name: tuple(part) for name, part in parts.items()})
    assert whole.joint_size == 3 * 2 * 3
    assert [id(tensor) for tensor in whole.tensors] == [id(table.log_probs) for table in tables]
    many = Tables((Site("s", torch.arange(1000)),) * 20, (), (), (), (), ())
    assert many.joint_size == 1000**20
