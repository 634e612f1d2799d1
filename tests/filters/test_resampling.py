"""Ancestors: as many as their weights deserve."""

import math

import pytest
import torch

from pyro_activeinf.filters.resampling import (
    Resampling,
    Stratified,
    Systematic,
    as_resampling,
    one_of,
)


@pytest.mark.parametrize("resampling", [Systematic(), Stratified()])
def test_copies_are_right_on_average_and_in_order(resampling: Resampling) -> None:
    weights = torch.tensor([0.05, 0.4, 0.0, 0.3, 0.25]).expand(4000, 5)
    index = resampling.ancestors(weights)
    assert index.shape == (4000, 5)
    assert bool((index.diff() >= 0).all())
    counts = torch.stack([(index == i).sum(-1) for i in range(5)], -1).double()
    torch.testing.assert_close(counts.mean(0), 5 * weights[0], atol=0.06, rtol=0.0)
    assert counts[:, 2].sum() == 0


def test_systematic_copies_are_rounded_down_or_up() -> None:
    weights = torch.rand(500, 7)
    index = Systematic().ancestors(weights)  # of any sum
    counts = torch.stack([(index == i).sum(-1) for i in range(7)], -1)
    due = 7 * weights / weights.sum(-1, keepdim=True)
    assert bool((counts >= (due - 1e-9).floor()).all() and (counts <= (due + 1e-9).ceil()).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_last_particles_without_weight_have_no_descendants(dtype: torch.dtype) -> None:
    weights = torch.cat([torch.rand(200, 999, dtype=dtype), torch.zeros(200, 1, dtype=dtype)], -1)
    for resampling in (Systematic(), Stratified()):
        assert int(resampling.ancestors(weights).max()) <= 998


def test_when_it_is_due() -> None:
    sizes = torch.tensor([10.0, 49.0, 51.0, 100.0])
    assert Systematic(0.5).due(sizes, 100).tolist() == [True, True, False, False]
    assert not bool(Systematic(0).due(sizes, 100).any())
    assert as_resampling(0.25) == Systematic(0.25)
    assert as_resampling(Stratified(1)) == Stratified(1)


def test_one_draw_of_each_row() -> None:
    weights = torch.tensor([1.0, 0.0, 3.0]).expand(8000, 3)
    found = one_of(weights)
    assert set(found.tolist()) == {0, 2}
    share = float((found == 2).double().mean())
    assert abs(share - 0.75) < 4 * math.sqrt(0.75 * 0.25 / 8000)


@pytest.mark.parametrize("below", [-0.1, 1.5, True, "half"])
def test_a_wrong_fraction_is_named(below: object) -> None:
    with pytest.raises(ValueError, match="fraction"):
        Systematic(below)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="fraction"):
        Stratified(below)  # type: ignore[arg-type]
