"""Reading by levels and without, in a small size."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pyro_activeinf.bench import reading


def test_a_reader_by_levels_is_right_after_few_fixations(tmp_path: Path) -> None:
    found = reading.read("pages", "levels", 1, trials=20)
    assert found.share.rate == 1.0
    assert found.mean[0] + found.mean[1] < 8.0
    other = reading.Read("line", "flat", 1, [16, 20, 12], [True, True, False])
    reading.figure_of([found, other]).savefig(tmp_path / "reading.png")
    assert (tmp_path / "reading.png").stat().st_size > 10_000


@pytest.mark.parametrize("horizon", [1, 2])
def test_levels_save_fixations_where_a_word_is_longer_than_the_horizon(horizon: int) -> None:
    levels, flat = (reading.read("line", who, horizon, trials=20) for who in ("levels", "flat"))
    assert levels.share.rate == 1.0
    gain, half = reading.saved(levels, flat)
    assert gain - half > 5.0


def test_results_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(reading.TASKS["pages"], readers={"levels": reading.agent})
    monkeypatch.setattr(reading, "TASKS", {"pages": few})
    reading.run(tmp_path, trials=3)
    kept, deeper = json.loads((tmp_path / "reading.json").read_text())
    assert (kept["task"], kept["reader"], len(kept["fixations"])) == ("pages", "levels", 3)
    assert [kept["horizon"], deeper["horizon"]] == [1, 2]
