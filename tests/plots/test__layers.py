"""Orders with few crossings, and positions that keep their distance."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyro_activeinf.plots._layers import count_crossings, neighbor_means, ordered, placed, spread


@st.composite
def layered_trees(draw: st.DrawFn) -> tuple[list[int], list[list[tuple[int, int]]]]:
    """Layers in which every node has one parent in the layer before, in a random order."""
    sizes, links = [1], []
    for _ in range(draw(st.integers(1, 4))):
        size = draw(st.integers(1, 6))
        links.append([(draw(st.integers(0, sizes[-1] - 1)), node) for node in range(size)])
        sizes.append(size)
    return sizes, links


@settings(max_examples=30)
@given(layered_trees())
def test_the_branches_of_a_tree_do_not_cross(tree: tuple[list[int], list]) -> None:
    sizes, links = tree
    orders = ordered(sizes, links)

    assert [sorted(order) for order in orders] == [list(range(size)) for size in sizes]
    assert count_crossings(orders, links) == 0


def test_branches_that_meet_again_do_not_cross_where_they_need_not() -> None:
    sizes = [1, 2, 4, 7]
    links = [
        [(0, 0), (0, 1)],
        [(0, 0), (0, 1), (1, 2), (1, 3)],
        [(0, 0), (0, 1), (1, 2), (1, 3), (2, 1), (2, 4), (3, 5), (3, 6)],
    ]

    assert count_crossings([list(range(size)) for size in sizes], links) > 0
    assert count_crossings(ordered(sizes, links), links) == 0


def test_siblings_stay_together_where_lines_have_to_cross() -> None:
    """Two nodes of two children each; fewer lines would cross if their children were mixed."""
    parents = [(0, 0), (0, 1), (1, 2), (1, 3)]
    leaves = [(0, 0), (0, 1), (2, 0), (2, 1), (1, 2), (1, 3), (3, 2), (3, 3)]
    (_, order, _) = ordered([2, 4, 4], [parents, leaves])

    assert [child // 2 for child in order] in ([0, 0, 1, 1], [1, 1, 0, 0])


def test_an_order_without_crossings_stays() -> None:
    assert ordered([2, 3], [[(0, 0), (0, 1), (1, 2)]]) == [[0, 1], [0, 1, 2]]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=8))
def test_crossings_are_counted_pair_by_pair(links: list[tuple[int, int]]) -> None:
    orders = [[2, 0, 3, 1], [1, 3, 0, 2]]
    left, right = ({node: rank for rank, node in enumerate(order)} for order in orders)
    pairs = itertools.combinations([(left[a], right[b]) for a, b in links], 2)
    truth = sum((a - c) * (b - d) < 0 for (a, b), (c, d) in pairs)

    assert count_crossings(orders, [links]) == truth


def test_nodes_without_neighbors_have_no_mean() -> None:
    found = neighbor_means(2, np.array([1.0, 2.0]), [(1, 0)])

    np.testing.assert_array_equal(found, [2.0, np.nan])


@settings(max_examples=30)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=6), st.floats(0, 2), st.randoms())
def test_spread_is_the_nearest_that_keeps_the_distance(
    wanted: list[float], gap: float, random: np.random.Generator
) -> None:
    found = spread(np.array(wanted), gap)

    assert (np.diff(found) >= gap - 1e-9).all()
    cost = ((found - wanted) ** 2).sum()
    for _ in range(20):
        other = sorted(random.uniform(-8, 8) for _ in wanted) + gap * np.arange(len(wanted))
        assert ((other - wanted) ** 2).sum() >= cost - 1e-9
        mixed = found + 0.1 * (other - found)  # as far apart, and near
        assert ((mixed - wanted) ** 2).sum() >= cost - 1e-9


def test_what_is_apart_already_stays() -> None:
    assert spread(np.array([0.0, 3.0, 4.0]), 1.0).tolist() == [0.0, 3.0, 4.0]


def test_parents_stand_in_the_middle_of_their_children() -> None:
    links = [[(0, 0), (0, 1)], [(0, 0), (0, 1), (1, 2)]]
    root, middle, leaves = placed([[0], [0, 1], [0, 1, 2]], links, [1.0, 1.0, 1.0])

    assert leaves.tolist() == [-1.0, 0.0, 1.0]
    assert middle.tolist() == [-0.5, 1.0]
    assert root.tolist() == [0.25]


def test_after_the_widest_layer_children_stand_at_the_mean_of_their_parents() -> None:
    links = [[(0, 0), (1, 0), (2, 1)]]
    wide, narrow = placed([[0, 1, 2], [1, 0]], links, [1.0, 0.1])

    assert wide.tolist() == [-1.0, 0.0, 1.0]
    assert narrow.tolist() == [pytest.approx(0.3), pytest.approx(0.2)]  # as near as they may be


def test_a_layer_without_links_stands_in_the_middle() -> None:
    wide, alone = placed([[0, 1, 2], [0]], [[]], [1.0, 1.0])

    assert wide.tolist() == [-1.0, 0.0, 1.0]
    assert alone.tolist() == [0.0]
