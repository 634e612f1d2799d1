"""Where the boxes of a plan stand."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure

from pyro_activeinf.plots._belief_cards import Card
from pyro_activeinf.plots._canvas import BLUE
from pyro_activeinf.plots._plan_graph import Choice, Outcome, PlanGraph
from pyro_activeinf.plots._plan_layout import GRAY, PlanLayout, legend

GRAPH = PlanGraph(
    ((7,), (3, 4, 5)),
    ((Choice(0, (1,), 0.9, -0.001), Choice(0, (0, 2), 0.1, 3.25)),),
    ((Outcome(0, 0, 0.7), Outcome(0, 1, 0.3), Outcome(1, 2, 1.0)),),
)
CARDS = {node: Card((None,), (f"belief {node}",)) for node in (3, 4, 5, 7)}


@pytest.fixture
def layout() -> PlanLayout:
    return PlanLayout(GRAPH, CARDS, ["stay", "go", "run", "jump"])


def test_layers_stand_beside_each_other(layout: PlanLayout) -> None:
    assert [len(boxes) for boxes in layout.boxes] == [1, 2, 3]
    for left, right in pairwise(layout.boxes):
        assert max(box.right[0] for box in left) < min(box.left[0] for box in right)


def test_boxes_do_not_overlap_and_lie_within_the_drawing(layout: PlanLayout) -> None:
    every = [box for boxes in layout.boxes for box in boxes]
    width, height = layout.size

    assert not any(a.overlaps(b) for a, b in combinations(every, 2))
    for box in every:
        assert box.left[0] > 0
        assert box.right[0] < width
        assert box.top > 0
        assert box.y + box.height / 2 < height


def test_choices_say_what_is_done_how_probably_and_at_what_cost(layout: PlanLayout) -> None:
    (texts,) = layout.texts
    assert texts == ["go\nq = 0.90\nG = 0.00", "stay or run\nq = 0.10\nG = 3.25"]


@pytest.mark.parametrize(
    ("actions", "name"),
    [((0, 1, 2, 3), "any action"), ((0,), "a0"), ((0, 1, 2, 3, 4), "any of 5")],
)
def test_many_actions_are_not_listed(actions: tuple[int, ...], name: str) -> None:
    graph = PlanGraph(((0,), (0,)), ((Choice(0, actions, 1.0, -2.0),),), ((Outcome(0, 0, 1.0),),))
    count = 4 if len(actions) == 4 else 6
    texts = PlanLayout(graph, {0: CARDS[7]}, [f"a{u}" for u in range(count)]).texts

    assert texts == [[f"{name}\nG = \N{MINUS SIGN}2.00"]]


def test_lines_are_as_thick_as_they_are_probable(layout: PlanLayout) -> None:
    axes = Figure().subplots()
    layout.draw(axes)

    for color, expected in ((BLUE, [0.9, 0.1]), (GRAY, [0.7, 0.3, 1.0])):
        widths = [line.get_linewidth() for line in axes.get_lines() if line.get_color() == color]
        assert np.argsort(widths).tolist() == np.argsort(expected).tolist()
        assert min(widths) > 0.5


def test_probabilities_are_written_but_for_what_is_certain(layout: PlanLayout) -> None:
    axes = Figure().subplots()
    layout.draw(axes)
    texts = [text.get_text() for text in axes.texts]

    assert [text for text in texts if text.startswith(("0", "1"))] == ["0.70", "0.30"]
    assert {f"belief {node}" for node in CARDS} <= set(texts)


def test_the_legend_names_the_sites_where_they_are_few() -> None:
    assert legend(["a", "b"])[0].get_label() == "belief: q(a), q(b)"
    assert legend(list("abcd"))[0].get_label() == "belief: q(a) to q(d)"
