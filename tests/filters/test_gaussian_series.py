"""Observations and actions as vectors."""

import math

import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.compile import Layout
from pyro_activeinf.filters.gaussian_series import blur, moves, over_time, seen_vector, vector_of

LAYOUT = Layout({"a": torch.Size([]), "b": torch.Size([2])})
LIKE = torch.zeros(1, dtype=torch.float64)


def test_absent_sites_are_missing() -> None:
    found = seen_vector(LAYOUT, {"b": torch.tensor([[1, 2], [3, 4]])}, LIKE)
    assert found.dtype == torch.float64
    assert found[:, 1:].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert bool(found[:, 0].isnan().all())
    assert seen_vector(LAYOUT, {}, LIKE).shape == (3,)


def test_infinite_values_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`observation`.*finite"):
        seen_vector(LAYOUT, {"a": torch.tensor(math.inf)}, LIKE)


def test_batches_broadcast_or_are_named() -> None:
    values = {"a": torch.zeros(3, 1), "b": torch.zeros(4, 2)}
    assert seen_vector(LAYOUT, values, LIKE).shape == (3, 4, 3)
    with pytest.raises(ValueError, match=r"batch dims.*'a': \(3,\), 'b': \(4,\)"):
        seen_vector(LAYOUT, {"a": torch.zeros(3), "b": torch.zeros(4, 2)}, LIKE)


def test_vectors() -> None:
    assert vector_of("m", torch.zeros(5, 2, 3), torch.Size([2, 3]), LIKE).shape == (5, 6)
    with pytest.raises(ValueError, match=r"`m`: expected values of shape \(3,\).*shape \(2,\)"):
        vector_of("m", [0.0, 1.0], torch.Size([3]), LIKE)
    with pytest.raises(ValueError, match="expected numbers"):
        vector_of("m", "text", torch.Size([]), LIKE)


def test_series() -> None:
    rows = over_time(LAYOUT, {"a": torch.arange(6.0).reshape(2, 3), "b": torch.zeros(3, 2)})
    assert [row["a"].tolist() for row in rows] == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    with pytest.raises(ValueError, match="sites of one length in time"):
        over_time(LAYOUT, {"a": torch.zeros(3), "b": torch.zeros(4, 2)})
    with pytest.raises(ValueError, match=r"`b`: expected values \(\*batch, time, \*\(2,\)\)"):
        over_time(LAYOUT, {"b": torch.zeros(2)})


def test_moves() -> None:
    found = moves(torch.arange(8.0).reshape(2, 4), 0, 4)
    assert [None if u is None else u.tolist() for u in found] == [[0, 4], [1, 5], [2, 6]]
    assert moves(None, 0, 3) == [None, None]
    for actions in (torch.zeros(2, 1), torch.tensor(math.pi)):
        with pytest.raises(ValueError, match="at least 2 time steps"):
            moves(actions, 0, 3)


def test_uncertain_values_blur_their_own_coordinates() -> None:
    cov = torch.tensor([[2.0, 0.5], [0.5, 1.0]])
    observation = {
        "a": dist.Normal(torch.tensor([1.0, 2.0]), 3.0),
        "b": dist.MultivariateNormal(torch.zeros(2), cov),
    }
    assert seen_vector(LAYOUT, observation, LIKE)[:, 0].tolist() == [1.0, 2.0]
    found = blur(LAYOUT, observation, LIKE)
    assert found is not None
    expected = torch.block_diag(torch.tensor([[9.0]]), cov)
    torch.testing.assert_close(found, expected.expand(2, 3, 3))
    apart = blur(LAYOUT, {"b": dist.Normal(torch.zeros(2), 0.5).to_event(1)}, LIKE)
    torch.testing.assert_close(apart, torch.diag(torch.tensor([0.0, 0.25, 0.25])))
    assert blur(LAYOUT, {"a": 1.0}, LIKE) is None
    with pytest.raises(ValueError, match="a Normal or MultivariateNormal where they are uncertain"):
        blur(LAYOUT, {"a": dist.Gamma(torch.tensor(1.0), 1.0)}, LIKE)
