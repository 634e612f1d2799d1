"""Graphs of operations: constants computed once, cut in two, nothing in place."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pyro_activeinf.behavior.graphs import graph_of, in_two


def example(moving: Tensor, staying: Tensor) -> list[Tensor]:
    table = torch.zeros(3)
    table[1] = 2.0
    room = torch.zeros(3).index_add_(0, torch.arange(3), moving)
    return [room * (staying.exp() + table), staying.sum() * moving]


def test_the_graph_and_its_parts_compute_the_same() -> None:
    given = [torch.randn(3), torch.randn(3)]
    module = graph_of(example, given)
    before, after = in_two(module, 1)
    for _ in range(2):
        given = [torch.randn(3), torch.randn(3)]
        expected = example(*given)
        torch.testing.assert_close(list(module(*given)), expected)
        torch.testing.assert_close(list(after(given[0], *before(given[1]))), expected)
    late = {str(node.target) for node in after.graph.nodes}
    assert "aten.exp.default" not in late
    assert "aten.exp.default" in {str(node.target) for node in before.graph.nodes}


def test_draws_are_refused() -> None:
    with pytest.raises(RuntimeError, match="random"):
        graph_of(lambda x: [x + torch.rand(3)], [torch.ones(3)])
