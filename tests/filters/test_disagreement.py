"""Bounds of what an outcome tells of the members of an ensemble, against quadrature."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, Normal

from pyro_activeinf.filters import Disagreement, Moments, ObservedFilter, Pairs
from pyro_activeinf.models import NeuralDynamics
from tests.filters.test_observed import BOX, PUSH

BOUNDS = pytest.mark.parametrize("bound", [Moments(), Pairs()], ids=["moments", "pairs"])


def information(mean: Tensor, var: Tensor) -> Tensor:
    """I(k; o) of one coordinate by quadrature, ``(rows,)``."""
    each = Normal(mean.squeeze(-1), var.squeeze(-1).sqrt())
    mixture = MixtureSameFamily(Categorical(torch.ones(mean.shape[:-1])), each)
    grid = torch.linspace(-16.0, 16.0, 8001)
    log_prob = mixture.log_prob(grid[:, None])
    entropy = -torch.trapezoid(log_prob.exp() * log_prob, grid, dim=0)
    return entropy - each.entropy().mean(-1)


@BOUNDS
@pytest.mark.parametrize("width", [0.0, 0.3, 1.0, 4.0])
def test_they_bound_from_above(bound: Disagreement, width: float) -> None:
    mean, var = width * torch.randn(20, 4, 1), torch.rand(20, 4, 1) + 0.2
    assert bool((bound(mean, var) >= information(mean, var) - 1e-9).all())


@BOUNDS
def test_members_that_agree_leave_nothing_to_learn(bound: Disagreement) -> None:
    mean, var = (torch.rand(20, 1, 3).expand(20, 4, 3) + 0.1 for _ in range(2))
    assert float(bound(mean, var).abs().max()) < 1e-12


def test_pairs_end_where_members_are_told_apart_and_moments_do_not() -> None:
    mean, var = 1000 * torch.randn(20, 4, 2), torch.ones(20, 4, 2)
    torch.testing.assert_close(Pairs()(mean, var), torch.full((20,), math.log(4)))
    assert float(Moments()(mean, var).min()) > 2 * math.log(4)


def test_a_filter_takes_either() -> None:
    model = NeuralDynamics(BOX, PUSH)
    policies = 2 * torch.rand(6, 3, 1)
    found = [ObservedFilter(model, novelty) for novelty in (None, Moments(), Pairs())]
    plain, moments, pairs = (f.score(f.initial(), policies) for f in found)
    assert torch.equal(plain.novelty, moments.novelty)
    assert not torch.equal(plain.novelty, pairs.novelty)
    assert bool((pairs.novelty <= math.log(5) + 1e-9).all())
    assert torch.equal(plain.epistemic, pairs.epistemic)
    with pytest.raises(TypeError, match="`novelty`"):
        ObservedFilter(model, "pairs")  # type: ignore[arg-type]
