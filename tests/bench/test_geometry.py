"""Logarithms beside a peer, and the natural gradient beside Adam."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pyro_activeinf.bench import geometry, peer_geomstats


class Twice:
    """A peer that takes a second for each item."""

    def ask(self, family: str, start: object, end: object) -> dict[str, float]:
        return {"seconds": float(len(start)), "error": 0.5}  # type: ignore[arg-type]


def test_logarithms_are_timed_per_item() -> None:
    found = geometry.logarithms("Gamma", 3, Twice(), turns=2, share=2)  # type: ignore[arg-type]
    assert (found.peer, found.peer_items, found.peer_error) == (1.0, 2, 0.5)
    assert found.ratio == pytest.approx(1.0 / found.ours)
    assert found.error < 1e-7
    assert geometry.logarithms("Beta", 1, None, turns=1, share=1).ratio is None


def test_the_natural_gradient_takes_far_fewer_steps() -> None:
    found = geometry.descent(most=40)
    assert found.natural is not None
    assert found.natural <= 2
    assert all(steps is None for steps in found.adam.values())


def test_results_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "MANY", 2)
    record = geometry.run(tmp_path, None, turns=1, most=2)
    content = json.loads((tmp_path / "geometry.json").read_text())
    assert content["descent"]["natural"] == record["descent"]["natural"]
    assert [row["batch"] for row in content["logarithms"]] == [1, 2] * 3
    text = geometry.table(record["logarithms"])
    assert text.startswith("Dirichlet x 1: ")
    row = {"family": "Beta", "batch": 1, "ours": 1.0, "peer": 5.0, "ratio": 5.0, "error": 1e-9}
    assert "5 times as long" in geometry.table([row])


def test_a_peer_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="--peer-python"):
        geometry.Peer(Path(sys.executable))


def test_the_peer_answers_with_seconds_and_error() -> None:
    class Flat:
        def log(self, point: object, base: object) -> object:
            return point - base  # type: ignore[operator]

        def exp(self, vector: object, base: object) -> object:
            return vector + base  # type: ignore[operator]

    found = peer_geomstats.answer(Flat(), [[1.0, 2.0]], [[2.0, 4.0]])
    assert found["error"] == 0.0
    assert found["seconds"] > 0
