"""Whether draws can be trusted."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pyro_activeinf.behavior.engines import Found
from pyro_activeinf.behavior.quality import Quality, quality_of

DIMS = {"x": ("subject",)}


def found(chains: Tensor, deep: int = 0, diverging: int = 0) -> Quality:
    """Of chains ``(chains, draws, subjects)``."""
    flags = torch.zeros(chains.shape[:2]).flatten()
    statistics = {
        "diverging": (flags.cumsum(0) + torch.arange(len(flags)) < diverging).view(
            chains.shape[:2]
        ),
        "tree_depth": torch.where(torch.arange(len(flags)) < deep, 9, 2).view(chains.shape[:2]),
    }
    return quality_of(Found(chains, statistics), {"x": chains}, DIMS, max_depth=9)


def test_independent_draws_have_mixed() -> None:
    quality = found(torch.randn(4, 500, 2))

    assert quality.r_hat["x"].shape == quality.ess["x"].shape == (2,)
    assert quality.worst_r_hat < 1.01
    assert 1500 < quality.least_ess < 2600
    assert quality.advice.startswith("The chains have mixed (")


def test_chains_in_different_places_have_not() -> None:
    chains = torch.randn(4, 200, 2)
    chains[..., 1] += torch.arange(4.0).view(4, 1)

    quality = found(chains)

    same, apart = quality.r_hat["x"]
    assert same < 1.05
    assert apart > 1.2
    assert "have not mixed" in quality.advice


def test_few_draws_are_told() -> None:
    assert (
        "are few: draw more"
        in Quality({"x": torch.ones(1)}, {"x": torch.ones(1)}, 0, 0, None).advice
    )


def test_divergences_and_cut_trajectories_are_counted() -> None:
    quality = found(torch.randn(2, 300, 1), deep=5, diverging=3)

    assert (quality.divergences, quality.deepest) == (3, 5)
    assert "3 draws diverged" in quality.advice
    assert "5 trajectories were cut short: raise max_depth." in quality.advice


def test_without_statistics_nothing_is_said_of_chains() -> None:
    quality = quality_of(Found(torch.randn(1, 50, 1)), {"x": torch.randn(1, 50, 1)}, DIMS, 0)

    assert quality.r_hat == quality.ess == {}
    assert math.isnan(quality.worst_r_hat)
    assert math.isnan(quality.least_ess)
    assert quality.advice == "Nothing is known of how good these draws are."


@pytest.mark.parametrize(
    ("k", "words"),
    [
        (-math.inf, "close to"),
        (0.6, "usable, not exact"),
        (0.9, "far from"),
        (math.inf, "far from"),
    ],
)
def test_the_worst_tail_is_what_counts(k: float, words: str) -> None:
    assert words in Quality({}, {}, 0, 0, torch.tensor([-math.inf, k])).advice
