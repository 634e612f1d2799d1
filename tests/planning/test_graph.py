"""The graph of beliefs."""

import pytest
import torch

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.planning.graph import BeliefGraph
from tests.planning.worlds import Tiger


@pytest.fixture
def graph() -> BeliefGraph:
    """The beliefs within two actions of the start."""
    exact = ExactFilter(Tiger())
    found = BeliefGraph(exact, torch.arange(3), 0.0, 1e-9, 1000)
    found.grow(found.add(exact.pack(exact.initial((1,)))), depth=2, step=0)
    return found


def test_edges_leave_the_nodes_that_are_asked_for(graph: BeliefGraph) -> None:
    edges = graph.leaving([0])

    assert (edges.origins // 3).unique().tolist() == [0]
    for action in range(3):
        probs = edges.probs[edges.origins == action]
        assert float(probs.sum()) == pytest.approx(1.0)
    every = graph.leaving(torch.arange(graph.size))
    torch.testing.assert_close(every.probs, graph.edges.probs)


def test_nothing_leaves_a_node_that_was_not_looked_beyond(graph: BeliefGraph) -> None:
    unexpanded = [node for node in range(graph.size) if node not in graph.expanded]

    assert unexpanded
    assert len(graph.leaving(unexpanded).origins) == 0
