"""Steps along geodesics."""

from __future__ import annotations

import pytest
import torch

from pyro_activeinf.geometry import RiemannianSGD, natural_gradient_step
from tests.geometry.families import manifold, points


@pytest.mark.parametrize("name", ["Normal", "Dirichlet", "Categorical", "MultivariateNormal"])
def test_one_straight_step_reaches_the_minimum(name: str) -> None:
    space, (x, goal) = manifold(name), points(name, 2)
    x.requires_grad_()
    space.kl(x, goal).backward()
    end = natural_gradient_step(space, x.detach(), x.grad, rate=1.0, alpha=1.0)
    assert torch.allclose(end, goal, rtol=1e-8, atol=1e-8)


def test_a_step_goes_along_the_geodesic() -> None:
    space, x, slope = manifold("Gamma"), points("Gamma"), torch.tensor([0.3, -0.2])
    end = natural_gradient_step(space, x, slope, rate=0.5)
    assert torch.allclose(space.log_map(x, end), -0.5 * space.sharp(x, slope), atol=1e-8)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_descent_reaches_the_minimum_with_and_without_momentum(momentum: float) -> None:
    space, (x, goal) = manifold("Normal"), points("Normal", 2, 3)
    descent = RiemannianSGD(space, x, rate=0.3, momentum=momentum)
    for _ in range(60):
        descent.step(space.distance(descent.point, goal).square() / 2)
    assert torch.allclose(descent.point, goal, atol=1e-5)


def test_a_step_out_of_the_domain_is_not_taken() -> None:
    space = manifold("Poisson")
    descent = RiemannianSGD(space, torch.tensor([0.1]), rate=100.0)
    with pytest.raises(ValueError, match="stays inside"):
        descent.step(descent.point.sum())
    assert descent.point.item() == 0.1
