"""The experiment on estimators of expected free energy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from pyro_activeinf.bench import estimators
from pyro_activeinf.free_energy import Mixed, Nested, Quadrature


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimators, "TRAINING", 2)
    monkeypatch.setattr(estimators, "PARTICLES", (10, 20))


@pytest.mark.parametrize("make", estimators.PROBLEMS)
def test_the_truth_is_where_many_draws_lead(make: object) -> None:
    assert callable(make)
    problem = make()
    with torch.no_grad():
        terms = Nested()(problem.prediction(2000, 1))
    error = float(terms.standard_error["epistemic"])
    assert float(terms.epistemic) == pytest.approx(problem.truth, abs=3 * error + 0.01)


def test_measures_bias_noise_and_time() -> None:
    found = estimators.measure(estimators.lamp(), "mixed", Mixed(Quadrature(8)), 50, 40)
    assert abs(found.bias) < 0.15
    assert found.bias_error == pytest.approx(found.deviation / 40**0.5)
    assert 0 < found.milliseconds < 1000


def test_results_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimators, "PROBLEMS", (estimators.maze,))
    found = estimators.run(tmp_path, times=3, progress=False)
    content = json.loads((tmp_path / "estimators.json").read_text())
    assert len(content) == len(found) == 2 * 3
    assert {row["problem"] for row in content} == {"T-maze, an arm"}
    assert (tmp_path / "estimators.png").stat().st_size > 5000
    table = estimators.table_of(found).splitlines()
    assert len(table) == 2 + len(found)
    assert "`Exact()`" in table[2]
