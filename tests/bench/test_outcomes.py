"""What agents earn, beside what is known."""

import json
from statistics import NormalDist

import pytest

from pyro_activeinf.bench.outcomes import (
    HEAD,
    Episodes,
    Known,
    MeanAtLeast,
    Outcome,
    TigerValues,
    interval,
)
from tests.bench.sides import lab


def test_the_interval_is_that_of_a_mean() -> None:
    low, high = interval((1.0, 2.0, 3.0, 4.0)) or (0.0, 0.0)
    half = NormalDist().inv_cdf(0.975) * (5 / 3) ** 0.5 / 2
    assert (low, high) == pytest.approx((2.5 - half, 2.5 + half))
    assert interval((1.0,)) is None


def test_a_known_optimum_is_predicted_and_earned() -> None:
    returns = (0.0, 1.0) * 50
    goal = Known(0.5)
    assert goal.reached(returns, 0.5)
    assert not goal.reached(returns, 0.6)
    assert not goal.reached(returns, None)
    assert not goal.reached((1.0, *returns[:1], *(1.0,) * 98), 0.5)


def test_cells_and_json() -> None:
    outcome = Outcome("a", (0.0, 1.0), 2.0, 0.5, ">= 0", True, {"seed": 3})
    assert outcome.cells()[:2] == ("a", "0.5")
    assert outcome.cells()[3:] == ("0.500000", ">= 0", "pass", "2", "2 s")
    assert len(Outcome("b", (19.3713684,), 1.0).cells()) == len(HEAD)
    assert Outcome("b", (19.3713684,), 1.0).cells()[1:3] == ("19.37137", "")
    content = json.loads(json.dumps(outcome.to_json()))
    assert content["each"] == [0.0, 1.0]
    assert content["seed"] == 3


def test_episodes_on_ice() -> None:
    few = Episodes("ice", "FrozenLake 8x8", 1000, Known(0.913220), seed=1).shrunk()
    assert (few.game, few.episodes, few.goal, few.name) == ("FrozenLake 4x4", 3, None, "ice")
    with lab() as alone:
        first, again = few.run(alone), few.run(alone)
    assert first.found == again.found
    assert set(first.found) <= {0.0, 1.0}
    assert first.predicted == pytest.approx(0.744190, abs=1e-6)
    assert first.passed is None


def test_a_goal_is_judged() -> None:
    with lab() as alone:
        outcome = Episodes("ice", "FrozenLake 4x4", 4, MeanAtLeast(1.1)).run(alone)
    assert outcome.passed is False
    assert outcome.bar == ">= 1.1"


def test_values_of_the_tiger() -> None:
    known = ((1, -1.0), (2, -2.0), (3, 2.72))
    with lab() as alone:
        right = TigerValues("a", known, 1.0, 1e-5, 60.0).run(alone)
        wrong = TigerValues("a", ((1, -2.0),), 1.0, 1e-5, 60.0).run(alone)
        late = TigerValues("a", known, 1.0, 1e-5, 0.0).run(alone)
    assert right.found == pytest.approx((2.72,), abs=1e-5)
    assert (right.passed, wrong.passed, late.passed) == (True, False, False)
    assert wrong.details["largest_error"] == pytest.approx(1.0, abs=1e-5)
    assert TigerValues("a", known, 1.0, 1e-5, 1.0).shrunk().known == ((1, -1.0),)
