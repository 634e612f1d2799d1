"""Nodes and weights give exact expectations of whatever is linear in T(x)."""

import torch

from pyro_activeinf import conjugacy as c
from pyro_activeinf.conjugacy.nodes import nodes_of
from tests.conjugacy.kinds import each_marginal_family, naturals


@each_marginal_family
def test_expectations_of_statistics_are_exact(family: c.Family) -> None:
    nodes, mean = nodes_of(family), family.mean(naturals(family))
    weights = nodes.weights(mean)
    torch.testing.assert_close(
        weights @ family.statistics(nodes.values), mean, rtol=1e-8, atol=1e-8
    )
    torch.testing.assert_close(weights.sum(-1), torch.ones(5), rtol=1e-8, atol=1e-8)


@each_marginal_family
def test_there_is_no_node_too_many(family: c.Family) -> None:
    rows = family.statistics(nodes_of(family).values)
    rows = torch.cat([torch.ones(len(rows), 1), rows], -1)
    assert torch.linalg.matrix_rank(rows) == len(rows)
