"""The measurement of scaling out, in small."""

from __future__ import annotations

import json
import mmap
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from pyro_activeinf.bench import ranks, scale, writing
from pyro_activeinf.learning import distributed


def test_a_killer_waits_for_results(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as victim:
        killer = scale.Killer(tmp_path, 2, victim.pid)
        killer.start()
        for number in range(3):
            assert number == 2 or victim.poll() is None
            (tmp_path / str(number)).mkdir()
            (tmp_path / str(number) / "zarr.json").touch()
        assert victim.wait() == -signal.SIGKILL
    killer.join()
    assert killer.held >= 2


def test_notes_say_who_has_begun(tmp_path: Path) -> None:
    model, choices = scale.people(3, str(tmp_path))
    assert choices.actions.shape == (scale.SUBJECTS, scale.TRIALS)
    assert torch.isfinite(
        model.log_likelihood(
            {
                "rate": torch.full((scale.SUBJECTS, 1), 0.5)[:, 0],
                "precision": torch.ones(scale.SUBJECTS),
            },
            choices,
        )
    ).all()
    assert [len(who) for who in scale.told(tmp_path).values()] == [1]
    assert not list(tmp_path.iterdir())


def test_the_serial_run_is_done_once_each(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    report = scale.fits(2, tmp_path / "notes", tmp_path / "store.zarr", None, shown=False)
    assert len(report.done) == 2
    begun = scale.told(tmp_path / "notes")
    found = scale.outcome(tmp_path / "store.zarr", 2, begun, tmp_path / "store.zarr")
    assert found["results"] == found["jobs begun once"] == 2
    assert found["equal to the serial run bit for bit"]
    assert found["processes"] == 1
    (tmp_path / "store.zarr" / "1" / "zarr.json").write_text("{}")
    assert not scale.outcome(tmp_path / "store.zarr", 2, begun, tmp_path)[
        "equal to the serial run bit for bit"
    ]


def test_one_process_alone_learns_as_without_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "EPOCHS", 3)
    plain = ranks.learn(lambda energy: energy, 0, 1)
    torch.distributed.init_process_group("gloo", f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        wrapped = ranks.learn(lambda energy: distributed.parallel(energy, "rows"), 0, 1)
    finally:
        torch.distributed.destroy_process_group()
    assert wrapped == pytest.approx(plain, rel=1e-12)
    assert plain[-1] < plain[0]


def test_memory_is_watched() -> None:
    size, watch = 2**25, writing.Watch()
    watch.start()
    with mmap.mmap(-1, size) as block:  # pages of its own, none that lay idle
        block.write(b"1" * size)
        assert watch.stop() > 0.5 * size
    found = writing.measure((2, 10, 5, 20))
    assert found["megabytes"] == 2 * 10 * 5 * 20 * 8 / 2**20
    assert {".zarr", ".nc"} < set(found)


def test_parts_are_written_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> dict[str, Any]:
        raise OSError("no memory is told")

    monkeypatch.setattr(scale, "study", lambda count, shown: {"fits": count})
    monkeypatch.setattr(ranks, "compare", lambda: {"steps": 1})
    monkeypatch.setattr(writing, "measure", broken)
    with pytest.raises(OSError, match="no memory is told"):
        scale.run(tmp_path, 3, shown=False)
    expected = {"study": {"fits": 3}, "learning": {"steps": 1}}
    assert json.loads((tmp_path / "scale.json").read_text()) == expected


def stored() -> dict[str, Any]:
    path = Path(__file__).parents[2] / "docs" / "results" / "scale.json"
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("way", ["one of two dask workers killed", "scheduler killed, then a pool"])
def test_the_stored_run_lost_nothing(way: str) -> None:
    study = stored()["study"]
    assert study["fits"] == study[way]["results"] == 200
    assert study[way]["failed"] == 0
    assert study[way]["jobs begun once"] + study[way]["jobs begun again, which were in hand"] == 200
    assert study[way]["equal to the serial run bit for bit"]


def test_the_stored_losses_are_those_of_one_process() -> None:
    learned = stored()["learning"]
    assert learned["float64"]["largest relative difference"] < 1e-12
    assert learned["float32"]["largest relative difference"] < 1e-6
