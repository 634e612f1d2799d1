from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from pyro_activeinf.behavior import simulate
from pyro_activeinf.bench import recovery
from pyro_activeinf.bench.subjects import PERSONS, four_models

TASK = "reversal learning"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command leaves, of a few persons with a few trials."""
    path = tmp_path_factory.mktemp("results")
    small = ["--subjects", "8", "--trials", "60", "--repeats", "2", "--proposals", "20"]
    for name in (TASK, recovery.MODELS):
        recovery.main([*small, "--bins", "10", "--only", name, "--output", str(path)])
    return path


def test_parameters_are_told_apart_even_so(folder: Path) -> None:
    found = json.loads((folder / "recovery.json").read_text())
    assert found[TASK]["persons"] == 16
    rows = found[TASK]["parameters"].values()
    assert sum(row["correlation"] for row in rows) / len(rows) > 0.5
    assert all(row["coverage"] > 0.6 for row in rows)
    assert all(row["p_of_uniform_ranks"] > 1e-5 for row in rows)


def test_models_are_told_apart_even_so(folder: Path) -> None:
    found = json.loads((folder / "recovery.json").read_text())["models"]
    table = torch.tensor(found["confusion"])
    torch.testing.assert_close(table.sum(1), torch.ones(4))
    assert float(table.diagonal().mean()) > 0.5


def test_there_is_a_figure_of_each(folder: Path) -> None:
    names = ["models", "reversal_learning", "reversal_learning_ranks"]
    assert sorted(path.stem for path in folder.glob("*.png")) == [f"recovery_{n}" for n in names]


def test_probabilities_of_persons_come_back() -> None:
    """What an agent chose with is what its model says, for every model and task."""
    cases = [(model(), task()) for model, task, _ in PERSONS.values()]
    cases += [(model, cases[0][1]) for model in four_models().values()]
    for model, task in cases:
        found = simulate(model, task, subjects=2, trials=12)
        told = model.log_probs(found.parameters, found.choices)
        torch.testing.assert_close(told, found.log_probs, atol=1e-12, rtol=0)
