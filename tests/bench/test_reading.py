"""Reading by levels and without, in a small size."""

import json
from pathlib import Path

from pyro_activeinf.bench import reading


def test_a_reader_by_levels_is_right_after_few_fixations(tmp_path: Path) -> None:
    found = reading.read("levels", 1, trials=20)
    assert found.share.rate == 1.0
    assert found.mean[0] + found.mean[1] < 8.0
    other = reading.Read("flat", 1, [16, 20, 12], [True, True, False])
    reading.figure_of([found, other]).savefig(tmp_path / "reading.png")
    assert (tmp_path / "reading.png").stat().st_size > 10_000


def test_results_are_kept(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(reading, "READERS", {"levels": reading.agent})
    reading.run(tmp_path, trials=3)
    kept, deeper = json.loads((tmp_path / "reading.json").read_text())
    assert (kept["reader"], len(kept["fixations"])) == ("levels", 3)
    assert [kept["horizon"], deeper["horizon"]] == [1, 2]
