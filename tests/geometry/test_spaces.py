"""Spaces of constant curvature."""

from __future__ import annotations

import pytest
import torch

from pyro_activeinf.geometry.spaces import HalfPlane, Line, Space, Sphere


def places(space: Space) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    y, z = torch.rand(2, 5, 3) + 0.1
    w = torch.randn(5, 3)
    if isinstance(space, Sphere):
        y, z = (x / x.norm(dim=-1, keepdim=True) for x in (y, z))
        return y, z, w - y * (w * y).sum(-1, keepdim=True)
    size = 1 if isinstance(space, Line) else 2
    return y[:, :size], z[:, :size], w[:, :size]


@pytest.mark.parametrize("space", [Line(), Sphere(), HalfPlane()])
def test_exp_log_and_transport(space: Space) -> None:
    y, z, w = places(space)
    v = space.log(y, z)
    assert torch.allclose(space.exp(y, v), z, atol=1e-12)
    assert torch.allclose(space.distance(y, z), space.distance(z, y), atol=1e-12)
    back = space.transport(z, y, space.transport(y, z, w))
    assert torch.allclose(back, w, atol=1e-12)
    assert torch.allclose(space.transport(y, z, v), -space.log(z, y), atol=1e-12)
    assert torch.equal(space.exp(y, 0 * v), y)


def test_far_away_on_the_half_plane() -> None:
    space = HalfPlane()
    y, z = torch.tensor([0.0, 1e-6]), torch.tensor([1e5, 1e4])
    back = space.exp(y, space.log(y, z))
    assert torch.allclose(back, z, rtol=1e-6)


@pytest.mark.parametrize("space", [Line(), Sphere(), HalfPlane()])
def test_gradients_at_no_distance_are_finite(space: Space) -> None:
    y, _, _ = places(space)
    z = y.clone().requires_grad_()
    space.distance(y, z).sum().backward()
    assert bool(z.grad.isfinite().all())
    z.grad = None
    space.exp(y, space.log(y, z)).sum().backward()
    assert bool(z.grad.isfinite().all())
