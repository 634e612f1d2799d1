"""Closed-loop plans as layers of distinct beliefs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import POMDP, TMaze
from pyro_activeinf.planning import Sophisticated
from pyro_activeinf.planning.graph import Unfolded
from pyro_activeinf.plots._plan_graph import PlanGraph, plan_graph
from tests.planning.worlds import Tiger


def unfolded(depth: int = 3, precision: float = math.inf) -> Unfolded:
    exact = ExactFilter(Tiger())
    planner = Sophisticated(3, precision=precision, terms={"pragmatic"})
    return planner.unfold(exact, exact.initial(), depth)


def tiger_is_left(plan: Unfolded, nodes: tuple[int, ...]) -> list[float]:
    """q(tiger = left) of some beliefs."""
    found = plan.graph.packed[list(nodes)].reshape(-1, 2, 3)[:, 0].sum(-1)
    return found.round(decimals=4).tolist()


def test_listen_listen_open() -> None:
    plan = unfolded()
    graph = plan_graph(plan, 0.0)

    once, twice = 0.85, 0.9698  # 0.85**2 / (0.85**2 + 0.15**2)
    assert [len(layer) for layer in graph.beliefs] == [1, 2, 3, 6]
    assert tiger_is_left(plan, graph.beliefs[0]) == [0.5]
    assert sorted(tiger_is_left(plan, graph.beliefs[1])) == [0.15, once]
    assert sorted(tiger_is_left(plan, graph.beliefs[2])) == [0.0302, 0.5, twice]
    first, second, third = graph.choices
    assert [choice.actions for choice in first + second] == [(0,)] * 3
    done = {
        belief: choice.actions[0]
        for belief, choice in zip(tiger_is_left(plan, graph.beliefs[2]), third, strict=True)
    }
    assert done == {twice: 2, 0.5: 0, 0.0302: 1}
    assert first[0].score == pytest.approx(-2.72)


def test_a_belief_that_two_ways_lead_to_is_one_node() -> None:
    graph = plan_graph(unfolded(), 0.0)
    agree = 0.85**2 + 0.15**2

    meeting = [outcome for outcome in graph.outcomes[1] if outcome.prob < 0.5]
    assert len({outcome.belief for outcome in meeting}) == 1
    assert sorted(outcome.choice for outcome in meeting) == [0, 1]
    probs = sorted(outcome.prob for outcome in graph.outcomes[1])
    assert probs == [pytest.approx(p) for p in (1 - agree, 1 - agree, agree, agree)]


@pytest.mark.parametrize("precision", [0.05, 1.0, math.inf])
def test_probabilities_sum_to_one(precision: float) -> None:
    graph = plan_graph(unfolded(precision=precision), 0.0)

    for beliefs, choices, outcomes in zip(
        graph.beliefs, graph.choices, graph.outcomes, strict=False
    ):
        for i in range(len(beliefs)):
            assert sum(c.prob for c in choices if c.belief == i) == pytest.approx(1.0)
        for i in range(len(choices)):
            assert sum(o.prob for o in outcomes if o.choice == i) == pytest.approx(1.0)


def test_choices_are_those_of_the_plan() -> None:
    plan = unfolded(precision=0.05)
    graph = plan_graph(plan, 0.0)

    for beliefs, choices, probs, scores in zip(
        graph.beliefs, graph.choices, plan.action_probs, plan.expected_free_energy, strict=False
    ):
        for choice in choices:
            node = beliefs[choice.belief]
            assert choice.prob == pytest.approx(float(probs[node, list(choice.actions)].sum()))
            assert choice.score == pytest.approx(float(scores[node, choice.actions[0]]))


def test_what_is_improbable_is_left_out() -> None:
    plan = unfolded(precision=0.05)
    whole, pruned = plan_graph(plan, 0.0), plan_graph(plan, 0.2)

    assert len(pruned.choices[1]) < len(whole.choices[1])
    assert all(choice.prob > 0.2 for layer in pruned.choices for choice in layer)
    assert all(outcome.prob > 0.2 for layer in pruned.outcomes for outcome in layer)
    reached = {outcome.belief for outcome in pruned.outcomes[-1]}
    assert reached == set(range(len(pruned.beliefs[-1])))


def test_actions_that_make_no_difference_are_one_choice() -> None:
    exact = ExactFilter(TMaze())
    belief = exact.update(exact.initial(), {"position": 0, "reward": 0})
    arm = exact.update(exact.predict(belief, 1), {"position": 1, "reward": 1})
    graph = plan_graph(Sophisticated(2).unfold(exact, arm, 2), 0.0)

    for choices in graph.choices:
        assert [choice.actions for choice in choices] == [(0, 1, 2, 3)] * len(choices)
        assert choices[0].prob == pytest.approx(1.0)


def test_layers_and_links_take_turns() -> None:
    graph = plan_graph(unfolded(), 0.0)

    assert graph.sizes == [1, 1, 2, 2, 3, 3, 6]
    for (before, after), links in zip(
        zip(graph.sizes, graph.sizes[1:], strict=False), graph.links, strict=True
    ):
        assert {a for a, _ in links} == set(range(before))
        assert {b for _, b in links} == set(range(after))


def test_a_plan_ends_where_it_was_unfolded_to() -> None:
    graph: PlanGraph = plan_graph(unfolded(depth=1), 0.0)

    assert (len(graph.beliefs), len(graph.choices), len(graph.outcomes)) == (2, 1, 1)


@pytest.mark.parametrize(
    ("threshold", "what"), [(1.0, r"q\(u\|b\)"), (0.6, "probability of an outcome")]
)
def test_a_threshold_that_leaves_nothing_is_refused(threshold: float, what: str) -> None:
    with pytest.raises(ValueError, match=f"`threshold`: expected less than the largest {what}"):
        plan_graph(unfolded(), threshold)


def test_more_beliefs_than_can_be_drawn_are_refused() -> None:
    start = np.full(70, 1 / 70)
    exact = ExactFilter(POMDP([np.eye(70)], [np.eye(70)[..., None].repeat(2, -1)], D=[start]))
    with torch.no_grad():
        plan = Sophisticated(1).unfold(exact, exact.initial(), 1)

    message = "`depth`: expected at most 60 beliefs side by side, got 70 after 1 actions"
    with pytest.raises(ValueError, match=message):
        plan_graph(plan, 0.0)
