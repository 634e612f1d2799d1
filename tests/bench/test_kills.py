"""One kill of a short run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyro_activeinf.bench import kills


def test_a_kill_is_told_from_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []

    def dying(path: Path, steps: int, seconds: float) -> bool:
        calls.append(seconds)
        kills.learn(path, steps if len(calls) == 1 else 9)
        return len(calls) > 1

    monkeypatch.setattr(kills, "killed", dying)
    assert kills.run(tmp_path, kills=1, steps=12, longest=0.5)
    content = json.loads((tmp_path / "kills.json").read_text())
    assert content["identical"] == 1
    assert content["kills"][0]["steps"] == 9
    assert len(calls) == 2


def test_another_record_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(path: Path, steps: int, seconds: float) -> bool:
        monkeypatch.setattr(kills, "EVERY", 3)
        run = kills.learn(tmp_path / "other.pt", steps=9)
        state = kills.checkpoint.load(tmp_path / "other.pt", "training")
        state["record"]["losses"] = run.losses + 1e-12
        kills.checkpoint.save(path, "training", state)
        return True

    monkeypatch.setattr(kills, "killed", wrong)
    assert not kills.run(tmp_path, kills=1, steps=12)


def test_a_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    assert kills.killed(path, steps=100_000, seconds=0.0)
    steps = [len(kills.checkpoint.load(path, "training")["record"]["losses"])]
    assert kills.killed(path, steps=100_000, seconds=0.0)
    steps.append(len(kills.checkpoint.load(path, "training")["record"]["losses"]))
    assert 0 < steps[0] < steps[1] < 100_000


def test_a_process_that_fails_is_not_taken_for_a_killed_one(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    path.write_text("of another program")
    assert not kills.killed(path, steps=10, seconds=0.0)
