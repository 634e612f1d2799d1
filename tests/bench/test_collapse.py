"""The experiment on posterior collapse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pyro_activeinf.bench import collapse


def test_foresight_is_the_prediction_by_brute_force() -> None:
    """Bayes' rule over both types of each coin, step by step."""
    coins = collapse.sequences(20)
    found = collapse.foresight(coins)
    for sequence, row in zip(coins, found, strict=True):
        for coin in range(collapse.COINS):
            torch.testing.assert_close(row[:, coin], _predicted(sequence[:, coin]))


def _predicted(coin: Tensor) -> Tensor:
    weights, last, means = torch.tensor([0.5, 0.5]), 0.0, []
    stay = torch.tensor([collapse.STAY, 1 - collapse.STAY])
    for now in coin.tolist():
        probability = (weights * torch.where(torch.tensor(last == 1.0), stay, 1 - stay)).sum()
        means.append(2 * probability - 1)
        weights = weights * torch.where(torch.tensor(now == last), stay, 1 - stay)
        weights, last = weights / weights.sum(), now
    return torch.stack(means)


@pytest.mark.parametrize("arm", collapse.ARMS)
def test_options(arm: str) -> None:
    found = collapse.options_of(arm, steps=90)
    assert ("weight" in found) == (arm in ("annealing", "both"))
    assert ("free_bits" in found) == (arm in ("free bits", "both"))
    if "weight" in found:
        schedule = found["weight"]["z"]
        assert [schedule(step) for step in (0, 30, 60, 90)] == [0.0, 0.5, 1.0, 1.0]


def test_results_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = collapse.Trained("plain", 0, 1, 0.5, 9.0)
    monkeypatch.setattr(collapse, "train", lambda arm, seed: one)
    found = collapse.run(tmp_path, seeds=1, progress=False)
    assert collapse.summary(found)["plain"] == [1, 1, 1, 1]
    content = json.loads((tmp_path / "collapse.json").read_text())
    assert content[0] == {
        "arm": "plain",
        "seed": 0,
        "active_units": 1,
        "complexity": 0.5,
        "free_energy": 9.0,
    }
    assert (tmp_path / "collapse.png").stat().st_size > 5000
