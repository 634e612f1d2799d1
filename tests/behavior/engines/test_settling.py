"""When descent takes smaller steps, and when it ends."""

from __future__ import annotations

import pytest

from pyro_activeinf.behavior.engines.settling import Settling
from pyro_activeinf.learning import Plateau

LOSSES = [max(0.0, 30.0 - n) for n in range(200)]
PLATEAU = Plateau(window=10, tolerance=0.5)


def ended(settling: Settling, first: int = 0) -> int:
    return next(n for n in range(first, len(LOSSES)) if settling(LOSSES[:n]))


def test_where_nothing_is_gained_a_third_as_many_steps_follow() -> None:
    settling = Settling(1000, PLATEAU)

    assert ended(settling) == 50 + 16
    assert settling.turn == 50


def test_a_run_that_goes_on_ends_where_the_whole_one_does() -> None:
    whole, later = Settling(1000, PLATEAU), Settling(1000, PLATEAU)

    assert ended(later, first=57) == ended(whole)
    assert [later.rate(n) for n in range(70)] == [whole.rate(n) for n in range(70)]


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 100])
def test_there_are_no_more_steps_than_allowed(steps: int) -> None:
    settling = Settling(steps, None)

    assert ended(settling) == steps
    assert all(0.0 < settling.rate(n) <= 1.0 for n in range(steps + 2))


def test_the_rate_falls_from_the_turn_on() -> None:
    settling = Settling(100, None)

    rates = [settling.rate(n) for n in range(101)]

    assert rates[:76] == [1.0] * 76
    assert rates[75:] == sorted(set(rates), reverse=True)
    assert rates[-1] == pytest.approx(0.01)
