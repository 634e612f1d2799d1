"""Families of densities over coordinates."""

from __future__ import annotations

import pytest
import torch

from pyro_activeinf.behavior import Flow, LowRank, MeanField
from pyro_activeinf.behavior.engines import Family

LOC, SCALE = torch.tensor([[1.0, -2.0, 0.5], [0.3, 1.0, 2.0]], dtype=torch.float64)
FAMILIES = [MeanField(), LowRank(), LowRank(1), Flow(2)]


@pytest.mark.parametrize("family", FAMILIES, ids=repr)
def test_a_member_starts_about_where_it_is_told(family: Family) -> None:
    density = family.module(LOC, SCALE).distribution()

    drawn = density.sample((4000,)).detach()

    assert ((drawn.mean(0) - LOC).abs() < 0.4 * SCALE).all()
    assert ((drawn.std(0) / SCALE).log().abs() < 0.4).all()


@pytest.mark.parametrize("family", FAMILIES, ids=repr)
def test_densities_are_those_of_the_draws(family: Family) -> None:
    """E_q[p / q] = 1 for a normal density p that is narrower than q."""
    density = family.module(LOC, SCALE).distribution()
    narrow = torch.distributions.Normal(LOC, 0.7 * SCALE)

    with torch.no_grad():
        z = density.sample((20_000,))
        ratio = (narrow.log_prob(z).sum(-1) - density.log_prob(z)).exp()

    assert abs(ratio.mean() - 1) < 5 * ratio.std() / 20_000**0.5
    assert ratio.std() < 3


@pytest.mark.parametrize("family", FAMILIES, ids=repr)
def test_every_parameter_is_learned(family: Family) -> None:
    member = family.module(LOC, SCALE)

    (-member.distribution().log_prob(torch.ones(5, 3)).sum()).backward()

    parameters = list(member.parameters())
    assert parameters
    assert all(each.grad is not None and each.grad.isfinite().all() for each in parameters)


def test_the_mean_field_is_normal_distributions_side_by_side() -> None:
    z = torch.randn(4, 3)

    found = MeanField().module(LOC, SCALE).distribution().log_prob(z)

    torch.testing.assert_close(found, torch.distributions.Normal(LOC, SCALE).log_prob(z).sum(-1))


def test_low_rank_is_the_covariance_that_it_says() -> None:
    member = LowRank(2).module(LOC, SCALE)
    inner = member.factor @ member.factor.mT + torch.eye(3)

    found = member.distribution().covariance_matrix

    torch.testing.assert_close(found, torch.diag(SCALE) @ inner @ torch.diag(SCALE))


def test_parameters_are_copies() -> None:
    loc = LOC.clone()
    member = MeanField().module(loc, SCALE)

    loc.add_(100.0)

    torch.testing.assert_close(member.loc.detach(), LOC)


def test_ranks_are_above_zero() -> None:
    with pytest.raises(ValueError, match="rank"):
        LowRank(0).module(LOC, SCALE)
