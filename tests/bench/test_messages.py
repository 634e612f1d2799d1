"""The measurements of message passing, in a small size."""

import json
from pathlib import Path

import pytest
import torch

from pyro_activeinf.bench import messages as bench
from pyro_activeinf.bench.posterior_means import Agreement
from tests import kalman


def test_filter_and_smoother_are_those_of_the_textbook() -> None:
    seen = bench.system_data(40)
    one = torch.eye(2).numpy()
    system = kalman.System(
        bench.rotation().numpy(), None, one, one, 5 * one, 0 * one[0], 100 * one, 0 * one[0]
    )
    truth = kalman.smooth(system, seen.numpy())
    smoothed, filtered = bench.smoothed(seen), bench.filtered(seen)
    assert abs(smoothed.loc.numpy() - truth.means).max() < 1e-8
    assert abs(filtered.loc[-1].numpy() - truth.means[-1]).max() < 1e-8


def test_each_model_has_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "first_result", lambda: 1.0)
    found = bench.paces(turns=1, count=200)
    assert [pace.model for pace in found] == list(bench.PUBLISHED)
    assert all(pace.seconds > 0 for pace in found)


def test_bars() -> None:
    assert bench.Pace("smoother", 0.9, 4.98, 5.0).passed
    assert not bench.Pace("smoother", 1.1, 4.98, 5.0).passed
    assert Agreement("m", "q", [1.02, 2.0], [1.0, 2.0]).passed
    assert not Agreement("m", "q", [1.0, 2.1], [1.0, 2.0]).passed


def test_free_energy_does_not_rise() -> None:
    assert bench.largest_rise(graphs=3, sweeps=2) <= 1e-9


def test_results_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "paces", lambda turns: [bench.Pace("smoother", 0.1, 4.98, 5.0)])
    monkeypatch.setattr(bench, "agreements", lambda samples: [Agreement("m", "q", [1.0], [1.0])])
    text = bench.run(tmp_path, graphs=1)
    content = json.loads((tmp_path / "messages.json").read_text())
    assert content["speed"][0]["passed"]
    assert "smoother" in text


def test_what_is_stored_passes() -> None:
    folder = Path(__file__).parents[2] / "docs" / "results"
    content = json.loads((folder / "messages.json").read_text())
    assert {row["model"] for row in content["speed"]} == set(bench.PUBLISHED)
    assert all(row["passed"] for row in [*content["speed"], *content["means"]])
    assert content["random graphs"]["largest rise of F, in parts of F"] <= 1e-9
