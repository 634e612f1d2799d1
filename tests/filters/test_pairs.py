"""Pairs by matrix products against broadcasting."""

from collections.abc import Callable
from typing import Any

import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.filters.pairs import Broadcast, Product, site_pairs
from pyro_activeinf.filters.sampling import drawn

PARTICLES, BATCH = 5, (2, 3)
SHAPE = torch.Size((PARTICLES, *BATCH))


def tril(*batch: int) -> Tensor:
    return torch.randn(*batch, 2, 2).tril(-1) + torch.eye(2) * (0.5 + torch.rand(*batch, 1, 1))


FAST: dict[str, Callable[[], Any]] = {
    "a number": lambda: dist.Normal(torch.randn(SHAPE), 0.3 + torch.rand(SHAPE)),
    "the same for a batch": lambda: dist.Normal(torch.randn(PARTICLES, 1, 1), torch.tensor(0.7)),
    "scales for all of a batch": lambda: dist.Normal(
        torch.randn(PARTICLES, 1, 1), 0.3 + torch.rand(PARTICLES, 1, 1)
    ),
    "a vector": lambda: dist.Normal(torch.randn(*SHAPE, 2), 0.3 + torch.rand(2)).to_event(1),
    "a matrix": lambda: dist.Normal(torch.randn(*SHAPE, 2, 2), 1.0).to_event(2),
    "one covariance": lambda: dist.MultivariateNormal(torch.randn(*SHAPE, 2), scale_tril=tril()),
    "one for each of a batch": lambda: dist.MultivariateNormal(
        torch.randn(*SHAPE, 2), scale_tril=tril(1, 2, 3)
    ),
}
SLOW: dict[str, Callable[[], Any]] = {
    "covariances": lambda: dist.MultivariateNormal(torch.randn(*SHAPE, 2), scale_tril=tril(*SHAPE)),
    "Laplace": lambda: dist.Laplace(torch.randn(SHAPE), 1.0),
    "categorical": lambda: dist.Categorical(logits=torch.randn(*SHAPE, 4)),
}


@pytest.mark.parametrize("name", [*FAST, *SLOW])
def test_pairs_are_those_of_broadcasting(name: str) -> None:
    fn = {**FAST, **SLOW}[name]()
    value = drawn(fn, (PARTICLES, *BATCH))[:4]
    pairs = site_pairs(fn, value, SHAPE)
    assert isinstance(pairs, Product if name in FAST else Broadcast)
    expected = fn.log_prob(value.unsqueeze(1)).movedim((0, 1), (-2, -1))
    found = torch.cat([pairs.block(slice(0, 1)), pairs.block(slice(1, 4))], -2)
    assert found.shape == (*BATCH, 4, PARTICLES)
    torch.testing.assert_close(found, expected.expand(found.shape), rtol=1e-12, atol=1e-11)


def test_gradients_are_those_of_broadcasting() -> None:
    loc, scale, value = (
        x.requires_grad_() for x in (torch.randn(4, 2), torch.rand(4, 2) + 0.5, torch.randn(3, 2))
    )
    fn = dist.Normal(loc, scale).to_event(1)
    pairs = site_pairs(fn, value, torch.Size((4,)))
    assert isinstance(pairs, Product)
    fast = torch.autograd.grad(pairs.block(slice(None)).exp().sum(), (loc, scale, value))
    plain = torch.autograd.grad(fn.log_prob(value.unsqueeze(1)).exp().sum(), (loc, scale, value))
    torch.testing.assert_close(fast, plain)


def test_single_precision_keeps_what_is_near_among_what_is_far() -> None:
    loc = torch.tensor([0.0, 1e-3, 1e4], dtype=torch.float32)
    fn = dist.Normal(loc, torch.tensor(1e-3, dtype=torch.float32))
    found = site_pairs(fn, loc, torch.Size((3,))).block(slice(None))
    torch.testing.assert_close(found, fn.log_prob(loc.unsqueeze(1)), rtol=1e-5, atol=1e-3)
    near = dist.Normal(torch.randn(50, dtype=torch.float32), 0.1)
    value = near.sample()
    pairs = site_pairs(near, value, torch.Size((50,)))
    assert isinstance(pairs, Product)
    exact = dist.Normal(near.loc.double(), 0.1).log_prob(value.double().unsqueeze(1))
    away = (pairs.block(slice(None)).double() - exact).abs()
    assert float(away.max()) < 1e-3
