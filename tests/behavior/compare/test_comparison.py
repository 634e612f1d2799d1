"""Models of behavior side by side."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.behavior import (
    AdaptiveImportance,
    ChoiceModel,
    Laplace,
    Variational,
    compare,
    fit,
)
from tests.behavior.coin import Coin, coins, information, left_out, log_evidence, tosses

CHOICES = tosses(subjects=4, trials=15)


def stubborn() -> ChoiceModel:
    def program() -> None:
        pyro.sample("heads", dist.Beta(60.0, 2.0))

    return ChoiceModel(program, lambda p: Coin(p["heads"]))


def test_the_better_model_is_found_in_every_way() -> None:
    engine = AdaptiveImportance(draws=4000, proposals=1000, rounds=3)
    fits = {
        name: fit(model, CHOICES, engine, progress=False)
        for name, model in (("stubborn", stubborn()), ("coin", coins()))
    }

    found = compare(fits)

    assert found.best == "coin"
    assert found.evidence_kind == "log evidence"
    torch.testing.assert_close(found.evidence[:, 1], log_evidence(CHOICES), rtol=0.0, atol=0.03)
    exact = left_out(CHOICES)[CHOICES.counted].sum().item()
    assert found.loo["coin"].total == pytest.approx(exact, abs=0.05)
    exact = information(CHOICES)[CHOICES.counted].sum().item()
    assert found.waic["coin"].total == pytest.approx(exact, abs=0.05)
    gap, error = found.difference("coin", "stubborn")
    assert gap == pytest.approx(found.loo["coin"].total - found.loo["stubborn"].total)
    assert error > 0
    assert found.stacking["coin"] > 0.9
    assert found.pseudo_bma["coin"] > 0.99
    assert sum(found.stacking.values()) == pytest.approx(1.0)
    assert found.selection is not None
    assert found.selection.exceedance[1] > 0.95
    assert list(found.table.index) == ["coin", "stubborn"]
    assert "coin predicts clearly better than stubborn" in str(found)


def test_without_evidence_of_each_subject_what_is_left_out_decides() -> None:
    engine = Variational(steps=50, draws=100)
    fits = {name: fit(coins(), CHOICES, engine, progress=False) for name in "ab"}

    found = compare(fits)

    assert found.evidence_kind == "leave-one-out"
    totals = torch.tensor([found.loo[name].total for name in "ab"])
    torch.testing.assert_close(found.evidence.sum(0), totals)
    assert "not clearly better" in found.advice


def test_a_single_model_has_no_rival() -> None:
    found = compare({"a": fit(coins(), CHOICES, Laplace(draws=50), progress=False)})

    assert found.selection is None
    assert found.stacking == {"a": 1.0}
    assert list(found.table.index) == ["a"]


def test_fits_of_different_choices_are_refused() -> None:
    engine = Laplace(draws=50)
    fits = {s: fit(coins(), tosses(s), engine, progress=False) for s in (0, 1)}

    with pytest.raises(ValueError, match="fits of the same choices"):
        compare({str(k): v for k, v in fits.items()})
    with pytest.raises(ValueError, match="at least one fit"):
        compare({})
