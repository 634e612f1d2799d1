"""The experiment on regulation."""

import json
from pathlib import Path

import pytest
import torch

from pyro_activeinf.bench import regulation
from tests.planning.regulator import best_plan


def test_the_gain_is_that_of_least_squares() -> None:
    """The first action of the best plan, found with nothing recursive."""
    for seed in (0, 1):
        model = regulation.system(seed)
        gain = regulation.riccati_gain(model, 4)
        plan = best_plan(model, model.mean, 4, regulation.control_cost(model))
        torch.testing.assert_close(-gain @ model.mean, plan[0], atol=1e-10, rtol=0)


def test_inference_costs_as_little_as_the_regulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regulation, "LENGTH", 5)
    found = regulation.run(tmp_path, systems=2, progress=False)
    assert [one.controls for one in found] == [1, 2]
    for one in found:
        assert one.variational == pytest.approx(one.riccati, rel=0.02)
        assert one.doing_nothing > 1.2 * one.riccati
    kept = json.loads((tmp_path / "regulation.json").read_text())
    assert kept[0]["excess"] == pytest.approx(found[0].excess)
    assert regulation.summary(found)["largest"] < 0.02
