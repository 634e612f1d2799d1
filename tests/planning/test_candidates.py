"""Scored policies: what they cost, and which are the best."""

import math

import torch

from pyro_activeinf.planning import ModelHabit
from pyro_activeinf.planning.candidates import Objective, rows_of
from pyro_activeinf.records import ALL_TERMS
from tests.planning.regulator import LinearFilter
from tests.planning.test_cross_entropy import Lazy, cart


def objective(precision: float) -> Objective:
    return Objective(ALL_TERMS, precision, ModelHabit(), 2**30)


def test_cost_is_weighed_and_what_is_forbidden_has_none() -> None:
    scores, prior = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([-1.0, -math.inf, 0.0])
    assert objective(2.0).cost(scores, prior).tolist() == [3.0, math.inf, 6.0]
    assert objective(0.0).cost(scores, prior).tolist() == [1.0, math.inf, 0.0]
    assert objective(math.inf).cost(scores, prior).tolist() == [1.0, math.inf, 3.0]


def test_the_best_come_first_with_all_that_is_theirs() -> None:
    filter = LinearFilter(cart(kind=Lazy))
    policies = torch.randn(2, 7, 3, 1)
    scored = objective(3.0)(filter, filter.initial((2,)), policies)
    best = scored.best(3)
    torch.testing.assert_close(best.cost, scored.cost.sort(-1).values[:, :3])
    again = objective(3.0)(filter, filter.initial((2,)), best.policies)
    torch.testing.assert_close(again.cost, best.cost)
    torch.testing.assert_close(again.values, best.values)
    posterior = best.posterior(filter)
    torch.testing.assert_close(posterior.probs, (-best.cost).softmax(-1))


def test_rows_are_picked_for_each_member() -> None:
    rows = torch.arange(12.0).reshape(2, 3, 2)
    assert rows_of(rows, torch.tensor([[2], [0]])).tolist() == [[[4.0, 5.0]], [[6.0, 7.0]]]
