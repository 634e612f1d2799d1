"""Beliefs in hindsight."""

import pytest
import torch

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import TMaze
from tests.filters.programs import Linked


def test_hindsight_reveals_the_context() -> None:
    exact = ExactFilter(TMaze())
    smoothing = exact.smooth({"position": torch.tensor([0, 1, 1])}, torch.tensor([1, 1]))
    torch.testing.assert_close(smoothing.marginals["context"].probs, torch.full((3, 2), 0.5))
    seen = exact.smooth({"position": torch.tensor([0, 4])}, torch.tensor([3]))
    torch.testing.assert_close(
        seen.marginals["context"].probs, torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    )


def test_pairwise_marginals_are_consistent() -> None:
    observations = {"first": torch.tensor([[0, 1, 1, 0], [1, 1, -1, 0]])}
    smoothing = ExactFilter(Linked()).smooth(observations, torch.tensor([[0, 1, 1], [1, 0, 0]]))
    assert smoothing.pairwise.shape == (2, 3, 6, 6)
    for name, size in (("weather", 2), ("mood", 3)):
        pair = smoothing.pairwise_marginal(name)
        assert pair.shape == (2, 3, size, size)
        single = smoothing.marginals[name].probs
        torch.testing.assert_close(pair.sum(-1), single[:, :-1])
        torch.testing.assert_close(pair.sum(-2), single[:, 1:])


@pytest.mark.parametrize("batch", [(), (2,)])
def test_a_single_step_has_no_pairs(batch: tuple[int, ...]) -> None:
    smoothing = ExactFilter(Linked()).smooth(
        {"first": torch.zeros(*batch, 1).long()}, torch.zeros(*batch, 0)
    )
    assert smoothing.pairwise.shape == (*batch, 0, 6, 6)
    assert smoothing.probs.shape == (*batch, 1, 6)
