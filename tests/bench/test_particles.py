"""The experiment on what particles say of their own errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyro_activeinf.bench import particles


def test_evidence_of_few_runs() -> None:
    found = particles.evidence(particles=1000, runs=6)
    assert len(found.scores) == 6
    assert max(map(abs, found.scores)) < 4
    assert found.within(4) == 1.0
    mean, error = found.ratio
    assert abs(mean - 1) < 4 * error


def test_evidence_of_many_small_runs_is_not_biased() -> None:
    mean, error = particles.many(particles=50, runs=400, times=2)
    assert abs(mean - 1) < 3.5 * error < 0.3


def test_nested_estimates_are_biased_to_either_side() -> None:
    low, high = (particles.nested(8, with_itself, repeats=200) for with_itself in (True, False))
    assert low.bias < -4 * low.bias_error
    assert high.bias > 4 * high.bias_error
    many = particles.nested(200, True, repeats=60)
    assert many.standard_error == pytest.approx(many.spread, rel=0.3)


def test_the_maze_by_particles() -> None:
    found = particles.maze(particles=500, horizon=2)
    assert found.same_best
    assert found.largest_score < 4
    assert found.within_three > 0.95
    assert found.terms == 16 * 2 * 3


def test_results_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = particles.Evidence(-3.0, (-2.9, -3.2), (0.1, 0.1))
    assert evidence.scores == pytest.approx([1.0, -2.0])
    assert [evidence.within(n) for n in (0.5, 1.5, 2.5)] == [0.0, 0.5, 1.0]
    monkeypatch.setattr(particles, "evidence", lambda **options: evidence)
    monkeypatch.setattr(particles, "many", lambda: (1.0, 0.1))
    monkeypatch.setattr(particles, "maze", lambda: particles.Maze(1.5, 1.0, True, 6))
    one = particles.nested(10, True, repeats=2)
    monkeypatch.setattr(particles, "nested", lambda *options: one)
    found = particles.run(tmp_path, runs=2, progress=False)
    content = json.loads((tmp_path / "particles.json").read_text())
    assert content["evidence"]["truth"] == -3.0
    assert (
        content["within 1, 2, 3 standard errors"]
        == particles.summary(found)["within 1, 2, 3 standard errors"]
    )
    assert (tmp_path / "particles.png").stat().st_size > 5000
