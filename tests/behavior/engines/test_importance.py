"""Draws from an approximation and their weights."""

from __future__ import annotations

import torch
from torch import Tensor

from pyro_activeinf.behavior.engines import Target
from pyro_activeinf.behavior.engines.importance import chunks, weighed
from tests.behavior.coin import coins, tosses


def test_weights_are_of_cells_or_of_all_together() -> None:
    target = Target(coins(), tosses())
    normal = torch.distributions.Normal(torch.zeros(3), 1.0)

    def apart(count: int) -> tuple[Tensor, Tensor]:
        z = normal.sample((count,))
        return z, normal.log_prob(z)

    def together(count: int) -> tuple[Tensor, Tensor]:
        z, log_density = apart(count)
        return z, log_density.sum(-1, keepdim=True)

    for draw, cells in ((apart, 3), (together, 1)):
        found = weighed(target, draw, 260)
        z, log_weights = found.z[0], found.log_weights
        assert log_weights is not None
        assert log_weights.shape == (260, cells)
        expected = target.log_prob(z) - normal.log_prob(z).sum(-1)
        torch.testing.assert_close(log_weights.sum(-1), expected)


def test_chunks_add_up() -> None:
    assert [sum(chunks(n)) for n in (1, 250, 251, 999)] == [1, 250, 251, 999]
