"""The experiment on handwritten digits, as little of it as there can be."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch

from pyro_activeinf.bench import digits


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks, and a few draws."""
    for name, value in {"COPIES": 1, "HIDDEN": 8, "DRAWS": 9, "PARTICLES": 3}.items():
        monkeypatch.setattr(digits, name, value)


def test_digits_are_drawn_once_and_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "COPIES", 2)
    seen, held_out = digits.digits()
    assert seen.shape == (1500 * digits.COPIES, 64)
    assert held_out.shape == (297, 64)
    assert set(seen.unique().tolist()) == {0.0, 1.0}
    copies = seen.reshape(digits.COPIES, 1500, 64)
    assert 0.01 < float((copies[0] != copies[1]).double().mean()) < 0.3  # same digits, other draws
    assert all(map(torch.equal, (seen, held_out), digits.digits()))


@pytest.mark.usefixtures("tiny")
def test_results_are_kept(tmp_path: Path) -> None:
    trained = digits.run(tmp_path, seeds=1, steps=4, progress=False)
    assert {(one.arm, one.free_bits) for one in trained} == set(product(digits.ARMS, (0.5, 0.0)))
    for one in trained:
        assert one.free_energy > -one.bound > 0  # one draw bounds less tightly than several
        assert one.active.keys() == one.per_level.keys()
        assert list(one.per_level) == [f"level {i}" for i in range(1, len(digits.DIMS))]
    kept = json.loads((tmp_path / "digits.json").read_text())
    assert [one["bound"] for one in kept["trained"]] == [one.bound for one in trained]
    assert (tmp_path / "digits.png").stat().st_size > 5000


def test_the_summary_says_what_flows_add() -> None:
    trained = [
        digits.Trained(
            arm,
            seed,
            bound,
            -bound + 1.0,
            {"level 1": 5.0, "level 2": kl},
            {"level 1": 3, "level 2": 2},
        )
        for arm, seed, bound, kl in [
            ("Gaussian", 0, -21.0, 0.4),
            ("flows", 0, -20.0, 1.0),
            ("Gaussian", 1, -22.0, 2.0),
            ("flows", 1, -20.0, 1.0),
        ]
    ]
    silent = [replace(one, free_bits=0.0, bound=-30.0) for one in trained[:2]]
    found = digits.summary([*trained, *silent])
    bare = {"Gaussian": [-30.0], "flows": [-30.0]}
    assert found["without free bits"] == {"bounds": bare, "most KL above the lowest level": 1.0}
    assert (found["gain"], found["least gain"], found["gain in free energy"]) == (1.5, 1.0, 1.5)
    assert found["spread"] == {"Gaussian": pytest.approx(math.sqrt(0.5)), "flows": 0.0}
    assert found["least_kl"] == 0.4
    assert found["idle units"] == 4 * (sum(digits.DIMS[1:]) - 5)


def test_without_scikit_learn_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="`digits`: expected scikit-learn"):
        digits.digits()
