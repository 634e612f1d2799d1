"""Bounds of the values of beliefs: where they start, when they meet, what they are weighed by."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import POMDP
from pyro_activeinf.planning import Sophisticated
from pyro_activeinf.planning.bounds import Bounds
from tests.planning.worlds import Tiger


@dataclass
class Counted:
    """What a planner counts."""

    horizon: int = 4
    discount: float = 0.9
    precision: float = math.inf
    terms: frozenset[str] = frozenset({"pragmatic"})


def bounds(exact: ExactFilter, limits: Counted, allowed: tuple[bool, ...]) -> Bounds:
    shape = (4, 1 + len(exact.observation_sites))
    return Bounds(exact, limits, shape, np.array(allowed))


def test_both_bounds_enclose_the_full_recursion() -> None:
    exact = ExactFilter(Tiger())
    found = bounds(exact, Counted(), (True, True, True))
    start = exact.initial()
    for k in (1, 2, 4):
        planner = Sophisticated(k, 0.9, math.inf, terms={"pragmatic"})
        value = -float(planner(exact, start).expected_free_energy.min())
        row = found.rows([(0, 0, k)], exact.pack(start).unsqueeze(0), 0)[0]
        high, low = found.means[:, row, 0]
        assert low - 1e-9 <= value <= high + 1e-9
        assert found.gaps[row] == pytest.approx(high - low, abs=1e-9)
        assert not found.met(row)


def test_a_place_keeps_its_row_and_what_was_written_there() -> None:
    exact = ExactFilter(Tiger())
    found = bounds(exact, Counted(), (True, True, True))
    packed = torch.eye(exact.transition.shape[-1])
    places = [(node, 0, 2) for node in range(len(packed))]
    first = found.rows(places[:1], packed, 0)
    found.means[:, first[0]] = 7.0
    every = found.rows([*places, places[0]], packed, 0)
    assert every.tolist() == [*range(len(places)), 0]
    assert (found.means[:, 0] == 7.0).all()


def test_forbidden_actions_do_not_raise_the_pessimistic_bound() -> None:
    mix = np.stack([np.eye(2), np.ones((2, 2)) / 2], -1)
    exact = ExactFilter(POMDP([np.eye(2)], [mix], C=[np.array([0.0, 4.0])]))
    packed = torch.tensor([[0.9, 0.1]])
    both, stay = (bounds(exact, Counted(horizon=1), a) for a in ((True, True), (True, False)))
    for each, low in ((both, 2.0), (stay, 0.4)):
        each.rows([(0, 0, 1)], packed, 0)
        assert each.means[1, 0, 0] == pytest.approx(low, abs=1e-12)


def test_the_bounds_of_a_state_that_stays_known_meet() -> None:
    flip = np.stack([np.eye(2), np.eye(2)[::-1]], -1)
    exact = ExactFilter(POMDP([np.eye(2)], [flip], C=[np.array([0.0, 1.0])]))
    found = bounds(exact, Counted(), (True, True))
    rows = found.rows([(0, 0, 3), (1, 0, 3)], torch.tensor([[1.0, 0.0], [0.5, 0.5]]), 0)
    assert found.met(rows[0])
    assert not found.met(rows[1])
    assert found.weighted(np.array([0.5, 0.5]), rows).tolist() == [0.0, 0.5 * found.gaps[1]]


@pytest.mark.parametrize(
    "limits",
    [
        Counted(precision=2.0),
        Counted(terms=frozenset({"epistemic"})),
        Counted(terms=frozenset({"pragmatic", "epistemic"})),
    ],
)
def test_elsewhere_they_only_guide(limits: Counted) -> None:
    exact = ExactFilter(Tiger())
    found = bounds(exact, limits, (True, True, True))
    row = found.rows([(0, 0, 2)], exact.pack(exact.initial()).unsqueeze(0), 0)
    probs = np.array([1.0])
    assert not found.true
    assert not found.met(row[0])
    assert not found.same(np.zeros(3), np.zeros(3)).any()
    assert found.weighted(probs, row).tolist() == [1.0]
    if "pragmatic" not in limits.terms:
        assert (found.means == 0).all()


def test_scores_that_differ_by_rounding_are_the_same() -> None:
    found = bounds(ExactFilter(Tiger()), Counted(), (True, True, True))
    high = np.array([-1e9, -1.0, -math.inf, math.inf])
    low = np.array([-1e9 + 1.0, -0.5, -math.inf, math.inf])
    assert found.same(high, low).tolist() == [True, False, True, True]
    found.rows([(0, 0, 1)], ExactFilter(Tiger()).initial().probs.unsqueeze(0), 0)
    found.note(0, np.array([[-3.0, -1.0], [-2.0, -1.0]]))
    assert found.gaps[0] == 1.0
