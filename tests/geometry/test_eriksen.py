"""Geodesics of Gaussian vectors, near and far: against the half-plane, and derivatives."""

from __future__ import annotations

import math

import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.geometry import StatisticalManifold, eriksen
from pyro_activeinf.geometry.gaussian import parted
from tests.geometry.families import manifold

SPACE = manifold("MultivariateNormal")


@pytest.mark.parametrize(("n", "spread"), [(1, 2.5), (2, 1.5), (3, 1.0)])
def test_round_trips_to_far_points(n: int, spread: float) -> None:
    torch.manual_seed(n)
    free = spread * torch.randn(2, n + n * (n + 1) // 2)
    p, q = SPACE.family.from_free(free), SPACE.family.from_free(-free)
    back = SPACE.exp_map(p, SPACE.log_map(p, q))
    assert SPACE.distance(p, q).max() > 4.0
    assert ((back - q).abs() / (1 + q.abs())).max() < 1e-9
    assert torch.allclose(SPACE.distance(q, p), SPACE.distance(p, q), rtol=1e-9)


def test_pieces_of_a_long_geodesic_are_those_of_the_half_plane() -> None:
    plane, start = manifold("Normal"), torch.tensor([0.3, 2.0])
    speed = torch.tensor([9.0, -14.0])  # about 12 nats^(1/2)
    end = plane.exp_map(start, speed)
    found = SPACE.exp_map(
        start.square() * torch.tensor([0.0, 1.0]) + torch.tensor([0.3, 0.0]),
        (torch.stack([speed[0], 2 * start[1] * speed[1]])),
    )
    assert torch.allclose(found, torch.stack([end[0], end[1].square()]), rtol=1e-10, atol=0)


def test_batches_are_their_members() -> None:
    torch.manual_seed(0)
    p, q = SPACE.family.from_free(torch.randn(2, 3, 5))
    each = torch.stack([SPACE.log_map(x, y) for x, y in zip(p, q, strict=True)])
    assert torch.allclose(SPACE.log_map(p, q), each, rtol=1e-9, atol=1e-9)
    assert SPACE.log_map(p[:0], q[:0]).shape == (0, 5)


def test_where_both_are_the_same() -> None:
    x = torch.tensor([1.0, 2.0, 1.0, 0.3, 2.0])
    assert SPACE.log_map(x, x).abs().max() < 1e-14
    assert SPACE.distance(x, x).item() == pytest.approx(0.0, abs=1e-13)


def test_logarithms_are_the_gradient_of_half_the_squared_distance() -> None:
    torch.manual_seed(1)
    p, q = SPACE.family.from_free(0.7 * torch.randn(2, 5))
    p.requires_grad_()
    q.requires_grad_()
    (SPACE.distance(p, q).square() / 2).backward()
    x, y = p.detach(), q.detach()
    assert torch.allclose(SPACE.sharp(x, p.grad), -SPACE.log_map(x, y), rtol=1e-8, atol=1e-8)
    assert torch.allclose(SPACE.sharp(y, q.grad), -SPACE.log_map(y, x), rtol=1e-8, atol=1e-8)


def test_small_variances_and_far_places() -> None:
    cov = torch.diag(torch.tensor([1e-10, 1e-8]))
    near = dist.MultivariateNormal(torch.zeros(2), cov)
    far = dist.MultivariateNormal(torch.tensor([1e-5, 1e-4]), cov)  # one of both deviations
    found = StatisticalManifold(dist.MultivariateNormal).distance(near, far)
    assert found.item() == pytest.approx(2**0.5 * math.acosh(1 + 2 / 4), rel=1e-10)


def test_what_is_not_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eriksen, "ITERATIONS", 2)
    p, q = SPACE.family.from_free(2.0 * torch.randn(2, 5))
    with pytest.raises(ValueError, match="a geodesic connects"):
        eriksen.between(parted(p), parted(q))
