"""Geodesics between two points."""

from __future__ import annotations

import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.geometry import StatisticalManifold, boundary
from pyro_activeinf.geometry.boundary import connect
from tests.geometry.families import FAMILIES, manifold


def test_ends_and_batches() -> None:
    family = FAMILIES["Gamma"]
    p, q = torch.randn(2, 3, 4, 2)
    path = connect(family.closed.equation, p, q)
    assert path.shape[1:] == (3, 4, 2)
    assert torch.allclose(path[0], p, atol=1e-12)
    assert torch.allclose(path[-1], q, atol=1e-12)
    one = connect(family.closed.equation, p[1, 2], q[1, 2])
    space = manifold("Gamma")
    speed = space.log_map(family.from_free(p), family.from_free(q))[1, 2]
    alone = space.log_map(family.from_free(p[1, 2]), family.from_free(q[1, 2]))
    assert torch.allclose(speed, alone, rtol=1e-8)
    assert one.shape[1:] == (2,)


def test_an_empty_batch_and_a_point_to_itself() -> None:
    space = manifold("Beta")
    none = torch.ones(0, 2)
    assert space.log_map(none, none).shape == (0, 2)
    here = torch.tensor([2.0, 3.0])
    assert space.log_map(here, here).abs().max() < 1e-12
    assert space.distance(here, here).item() == pytest.approx(0.0, abs=1e-9)


def test_across_the_corner_of_beta_distributions() -> None:
    space = StatisticalManifold(dist.Beta)
    far, near = torch.tensor([4.0, 5.0]).exp(), torch.tensor([-4.0, -5.0]).exp()
    p, q = torch.stack([far, near], -1), torch.stack([near, far], -1)
    back = space.exp_map(p, space.log_map(p, q))
    assert ((back - q).abs() / q).max() < 1e-7
    distance = space.distance(p, q)
    assert torch.allclose(distance, space.distance(q, p), rtol=1e-8)
    corner = torch.stack([near, near], -1)  # the way round it is longer
    assert (distance < space.distance(p, corner) + space.distance(corner, q)).all()


def test_parts_of_a_batch_are_solved_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    space = StatisticalManifold(dist.Gamma)
    p, q = torch.rand(2, 5, 2) + 0.5
    whole = space.log_map(p, q)
    monkeypatch.setattr(boundary, "LARGEST", 1.0)
    assert torch.allclose(space.log_map(p, q), whole, rtol=1e-9, atol=1e-9)


def test_far_points_are_reached_by_nearer_ones() -> None:
    space = manifold("Gamma")
    p, q = torch.tensor([0.01, 30.0]), torch.tensor([200.0, 0.1])
    back = space.exp_map(p, space.log_map(p, q))
    assert torch.allclose(back, q, rtol=1e-6)


def test_points_too_far_apart_are_named() -> None:
    space = manifold("Beta")
    with pytest.raises(ValueError, match="that a geodesic connects"):
        space.log_map(torch.tensor([1e-9, 1e9]), torch.tensor([1e12, 1e-12]))
