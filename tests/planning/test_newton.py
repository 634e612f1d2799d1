"""Natural-gradient steps of a Gaussian: exact on quadratics, down hill elsewhere."""

import pytest
import torch
from torch import Tensor

from pyro_activeinf.planning.newton import Moments, lower_root, newton_step
from pyro_activeinf.planning.orthogonal import OrthogonalNormal, orthogonal_noise


def quadratic(numbers: int, *batch: int) -> tuple[Tensor, Tensor]:
    root = torch.randn(*batch, numbers, numbers)
    return root @ root.mT + torch.eye(numbers), torch.randn(*batch, numbers)


def standard(numbers: int, *batch: int) -> Moments:
    return Moments(torch.zeros(*batch, numbers), torch.eye(numbers).expand(*batch, -1, -1))


def test_one_step_of_rate_one_lands_on_the_minimum_of_a_quadratic() -> None:
    hessian, center = quadratic(3, 2)
    at = standard(3, 2)
    draws = OrthogonalNormal(at.loc, at.root).expand((6, 2)).rsample()
    gradients = (hessian @ (draws - 0.1 * center).unsqueeze(-1)).squeeze(-1)
    found = newton_step(at, draws, gradients, 1.0)
    torch.testing.assert_close(found.loc, 0.1 * center)
    grown = torch.linalg.inv(hessian)
    torch.testing.assert_close(found.root @ found.root.mT, grown, atol=1e-12, rtol=0)


def test_a_step_of_half_the_size_averages_precisions() -> None:
    hessian, center = quadratic(3)
    at = standard(3)
    draws = OrthogonalNormal(at.loc, at.root).expand((6,)).rsample()
    gradients = (draws - 0.1 * center) @ hessian
    found = newton_step(at, draws, gradients, 0.5)
    expected = (torch.eye(3) + hessian) / 2
    torch.testing.assert_close(torch.linalg.inv(found.root @ found.root.mT), expected)
    moved = 0.5 * torch.linalg.solve(expected, hessian @ (0.1 * center))
    torch.testing.assert_close(found.loc, moved)


def test_few_draws_learn_the_directions_that_they_lie_in() -> None:
    hessian, center = quadratic(4)
    at = standard(4)
    for _ in range(60):
        draws = OrthogonalNormal(at.loc, at.root).expand((4,)).rsample()
        at = newton_step(at, draws, (draws - center) @ hessian, 1.0)
    torch.testing.assert_close(at.loc, center, atol=1e-6, rtol=0)
    torch.testing.assert_close(at.root @ at.root.mT, torch.linalg.inv(hessian), atol=1e-6, rtol=0)


def test_negative_curvature_is_gone_down_and_spreads() -> None:
    at = Moments(torch.tensor([0.1]), torch.tensor([[0.1]]))
    draws = OrthogonalNormal(at.loc, at.root).expand((2,)).rsample()
    found = newton_step(at, draws, -draws, 1.0)
    assert found.loc > 0.1
    assert found.root > 0.1


def test_no_number_moves_too_far() -> None:
    at = Moments(torch.zeros(2), torch.eye(2))
    draws = OrthogonalNormal(at.loc, at.root).expand((4,)).rsample()
    found = newton_step(at, draws, draws - 1000.0, 1.0)
    torch.testing.assert_close(found.loc, torch.ones(2))


def test_draws_that_rounding_puts_on_the_center_tell_nothing() -> None:
    """Of some ten thousand float32 draws there is one."""
    hessian, center = torch.tensor([[3.0]]), torch.tensor([0.7])
    draws = torch.tensor([[0.0], [1.2], [0.0], [-1.2]])
    gradients = (draws - center) @ hessian
    found = newton_step(standard(1), draws, gradients, 1.0)
    assert float(found.root) == pytest.approx((1 / (0.5 * 3.0)) ** 0.5)  # half of the pairs
    assert bool(found.loc.isfinite().all())


def test_lower_root_has_a_positive_diagonal() -> None:
    root = torch.randn(5, 3, 4)
    found = lower_root(root)
    torch.testing.assert_close(found @ found.mT, root @ root.mT)
    assert (found.triu(1).abs() < 1e-12).all()
    assert (found.diagonal(dim1=-2, dim2=-1) > 0).all()


def test_draws_are_normal_orthogonal_and_mirrored() -> None:
    noise = orthogonal_noise((40_000, 3), torch.zeros(()))
    torch.testing.assert_close(noise[:20_000], -noise[20_000:])
    torch.testing.assert_close(noise.mT.cov(), torch.eye(3), atol=0.05, rtol=0)
    assert (noise**4).mean(0).sub(3).abs().max() < 0.3  # as thick a tail
    block = noise[:3] @ noise[:3].mT
    torch.testing.assert_close(block, block.diagonal().diag())


def test_density_is_that_of_the_normal() -> None:
    loc, root = torch.randn(2, 3), torch.randn(2, 3, 3).tril(-1) + torch.eye(3)
    draws = OrthogonalNormal(loc, root).expand((5, 2)).rsample()
    expected = torch.distributions.MultivariateNormal(loc, scale_tril=root).log_prob(draws)
    torch.testing.assert_close(OrthogonalNormal(loc, root).log_prob(draws), expected)


def test_any_number_of_draws_is_possible() -> None:
    for shape in [(1, 2), (3, 2), (5, 2, 2), (9, 1, 3), (2,)]:
        assert orthogonal_noise(shape, torch.zeros(())).shape == shape
