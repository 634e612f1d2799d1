"""The experiment on a sensor that cannot tell left from right."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from pyro_activeinf.bench import echo


def test_quadrature_is_that_of_draws() -> None:
    """By rejection: places that fit the first echo, moved, heard; densities by a fine histogram."""
    random = np.random.default_rng(0)
    places = random.normal(echo.MEAN, echo.SPREAD, 2_000_000)
    fits = np.exp(-0.5 * ((echo.FIRST - places**2) / echo.NOISE) ** 2)
    places = places[random.random(len(places)) < fits]
    for step in (0.0, 1.0):
        moved = places + step + random.normal(0, echo.DRIFT, len(places))
        heard = moved**2 + random.normal(0, echo.NOISE, len(places))
        counts, edges = np.histogram(heard, 400)
        share = counts[counts > 0] / len(heard)
        entropy = -(share * np.log(share)).sum() + math.log(edges[1] - edges[0])
        information = entropy - 0.5 * math.log(2 * math.pi * math.e * echo.NOISE**2)
        assert echo.by_quadrature(step) == pytest.approx(information, abs=0.01)


def test_particles_know_what_a_gaussian_does_not() -> None:
    for look in echo.looks((0.0, 1.0), particles=1500, seeds=2):
        error = float(np.mean(look.standard_errors)) / math.sqrt(2)
        assert abs(look.mean - look.quadrature) < 3.5 * error
        assert abs(look.off(look.gaussian)) > 0.2


def test_results_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = echo.looks((0.0, 0.5), particles=50, seeds=1)
    monkeypatch.setattr(echo, "looks", lambda **options: few)
    found = echo.run(tmp_path, particles=50, seeds=1)
    assert set(echo.summary(found)) > {"particles, largest", "Gaussian, largest"}
    content = json.loads((tmp_path / "echo.json").read_text())
    assert [look["step"] for look in content["looks"]] == [0.0, 0.5]
    assert (tmp_path / "echo.png").stat().st_size > 5000
