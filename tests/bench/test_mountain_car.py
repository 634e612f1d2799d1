"""The experiment on the mountain car."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyro_activeinf.bench import mountain_car
from pyro_activeinf.bench.mountain_car import ARMS, Life


def lived(arm: str, seed: int, episodes: int) -> Life:
    steps = tuple(300 - 20 * min(i, 10) for i in range(episodes))
    return Life(arm, seed, steps, tuple(i > 0 or seed != 1 for i in range(episodes)))


def test_an_interrupted_experiment_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def live(arm: str, seed: int, episodes: int) -> Life:
        if len(asked) == 4:
            asked.append(("interrupt", 0))
            raise KeyboardInterrupt
        asked.append((arm, seed))
        return lived(arm, seed, episodes)

    monkeypatch.setattr(mountain_car, "live", live)
    with pytest.raises(KeyboardInterrupt):
        mountain_car.run(tmp_path, seeds=2, episodes=12, progress=False)
    assert len(json.loads((tmp_path / "mountain_car.json").read_text())["lives"]) == 4
    found = mountain_car.run(tmp_path, seeds=2, episodes=12, progress=False)
    assert len(asked) == 7  # six lives and the interrupt
    assert {(life.arm, life.seed) for life in found} == {(arm, s) for arm in ARMS for s in (0, 1)}
    assert (tmp_path / "mountain_car.png").stat().st_size > 5000
    assert {path.name for path in tmp_path.iterdir()} == {"mountain_car.json", "mountain_car.png"}
    monkeypatch.setattr(mountain_car, "HORIZON", 3)  # other settings: all of it is done again
    mountain_car.run(tmp_path, seeds=1, episodes=12, progress=False)
    assert len(asked) == 10


def test_the_summary_counts() -> None:
    lives = [lived(arm, seed, 12) for arm in ARMS for seed in range(4)]
    found = mountain_car.summary(lives)["expected free energy"]
    assert found["seeds"] == 4
    assert found["flag in the first episode"] == 0.75
    late = lives[0].steps[mountain_car.LATE - 1 :]
    assert found["steps of late episodes"] == pytest.approx(sum(late) / len(late))
    assert found["flag in late episodes"] == 1.0


def test_a_life_counts_steps_of_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    found = mountain_car.live("reward only", seed=0, episodes=1)
    assert len(found.steps) == len(found.flags) == 1
    assert found.flags[0] == (found.steps[0] < mountain_car.LIMIT)
