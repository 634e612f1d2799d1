"""The time of variational inference of a population."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyro_activeinf.bench import population_svi


def test_what_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--subjects", "2", "--trials", "10", "--steps", "8"]

    population_svi.main(["--output", str(tmp_path), *sizes])

    found = json.loads((tmp_path / "population_svi.json").read_text())
    assert json.loads(capsys.readouterr().out) == found
    assert found["subjects"] == 2
    assert found["steps"] == found["steps_of_going_on"] == 8
    assert found["ending"] == "all steps"
    assert found["seconds"] >= 0.9 * found["seconds_of_processor"] > 0
    assert sorted(found["typical"]) == ["hazard_typical", "preference_typical", "trust_typical"]
