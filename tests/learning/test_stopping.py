"""Early stops on curves whose ends are known."""

from __future__ import annotations

import pytest

from pyro_activeinf.learning import Plateau


def stops_at(stop: Plateau, losses: list[float]) -> int | None:
    return next((n for n in range(1, len(losses) + 1) if stop(losses[:n])), None)


def test_a_falling_curve_goes_on() -> None:
    assert stops_at(Plateau(10, 0.5), [-0.1 * t for t in range(100)]) is None


def test_a_flat_curve_stops_after_two_windows() -> None:
    assert stops_at(Plateau(10), [1.0] * 100) == 20


def test_patience_waits_for_windows_in_a_row() -> None:
    steps = [0.0] * 20 + [-5.0] * 40
    assert stops_at(Plateau(10), steps) == 20
    assert stops_at(Plateau(10, patience=2), steps) == 50


def test_a_rising_curve_stops() -> None:
    assert stops_at(Plateau(5), [float(t) for t in range(30)]) == 10


@pytest.mark.parametrize("wrong", [{"window": 0}, {"patience": 0}, {"tolerance": -1.0}])
def test_wrong_arguments_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"^`{next(iter(wrong))}`"):
        Plateau(**wrong)
