"""The measurement in a small size; no time is looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyro_activeinf.bench import svi
from pyro_activeinf.bench.sample import Sample
from pyro_activeinf.bench.svi import Pace

from ..learning.programs import uncompiled


def pace(ours: float, difference: float = 0.0, way: str = "compiled") -> Pace:
    return Pace("line", way, Sample("s", (ours,)), Sample("s", (1.0,)), difference, 2.0)


@pytest.mark.parametrize(
    ("found", "passed"),
    [
        (pace(0.09), True),
        (pace(0.11), False),
        (pace(0.09, difference=1e-4), False),
        (pace(1.04, way="as written"), True),
        (pace(1.06, way="as written"), False),
    ],
)
def test_bars(found: Pace, passed: bool) -> None:
    assert found.passed == passed


def test_every_model_is_measured_on_the_same_trajectory(tmp_path: Path) -> None:
    found = svi.run(tmp_path, turns=1, steps=3, backend=uncompiled)
    assert [(row.model, row.way) for row in found] == [
        (name, way) for name in svi.problems() for way in ("compiled", "as written")
    ]
    assert all(row.difference < 1e-9 for row in found)
    content = json.loads((tmp_path / "svi.json").read_text())
    assert [row["steps"] for row in content["rows"]] == ["compiled", "as written"] * 2
    assert "eight schools" in svi.table(found)
