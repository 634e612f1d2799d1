"""Sum-product, against sums over all values and one large Gaussian."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from pyro_activeinf.conjugacy.counts import CategoricalMoments, CountMoments
from pyro_activeinf.messages import (
    Bernoulli,
    Categorical,
    FactorGraph,
    Gamma,
    Gaussian,
    MultivariateGaussian,
    SumProduct,
    library,
)


def link(one: CategoricalMoments, two: CategoricalMoments, logs: Tensor) -> Tensor:
    return (one.probs.unsqueeze(-1) * two.probs.unsqueeze(-2) * logs).sum((-2, -1))


def random_links(edges: list[tuple[int, int]], strength: float = 1.0) -> tuple[FactorGraph, Tensor]:
    """A pairwise model over choices of 2 or 3, and the logarithm of its whole table."""
    count = 1 + max(itertools.chain(*edges))
    sizes = [2 + i % 2 for i in range(count)]
    graph, whole = FactorGraph(), torch.zeros(sizes)
    for i, size in enumerate(sizes):
        graph.variable(f"x{i}", Categorical(size))
        logs = torch.randn(size)
        graph.factor(library.emission, x=f"x{i}", log_likelihood=logs)
        whole = whole + logs.reshape([-1 if j == i else 1 for j in range(count)])
    for a, b in edges:
        logs = strength * torch.randn(sizes[a], sizes[b])
        graph.factor(link, one=f"x{a}", two=f"x{b}", logs=logs)
        shape = [sizes[j] if j in (a, b) else 1 for j in range(count)]
        whole = whole + (logs if a < b else logs.T).reshape(shape)
    return graph, whole


def marginal(whole: Tensor, i: int) -> Tensor:
    return whole.movedim(i, 0).flatten(1).logsumexp(1).softmax(0)


@pytest.mark.parametrize("seed", range(3))
def test_a_discrete_tree_is_exact(seed: int) -> None:
    torch.manual_seed(seed)
    graph, whole = random_links([(0, 1), (1, 2), (3, 1), (3, 4), (4, 5)])
    passing = SumProduct(graph)
    found: Any = passing.update_beliefs()
    assert passing.is_tree
    assert passing.converged
    for i in range(6):
        torch.testing.assert_close(found[f"x{i}"].probs, marginal(whole, i), rtol=0, atol=1e-12)
    assert passing.free_energy.item() == pytest.approx(
        -whole.flatten().logsumexp(0).item(), rel=1e-12
    )


def test_loops_are_passed_around_until_they_settle() -> None:
    graph, whole = random_links([(0, 1), (1, 2), (0, 2)], strength=0.3)
    passing = SumProduct(graph, damping=0.2)
    found: Any = passing.update_beliefs()
    assert not passing.is_tree
    assert passing.converged
    assert (found["x0"].probs - marginal(whole, 0)).abs().max() < 0.02  # not exact, and near
    assert passing.free_energy.item() == pytest.approx(
        -whole.flatten().logsumexp(0).item(), abs=0.01
    )


def test_bethe_is_stationary_where_messages_settle() -> None:
    """Its derivative with respect to log factors is minus the belief: the envelope theorem."""
    graph, _ = random_links([(0, 1), (1, 2), (0, 2)], strength=0.5)
    passing = SumProduct(graph)
    found: Any = passing.update_beliefs()
    tilt = 1e-5

    def tilted(amount: float) -> Tensor:
        again = FactorGraph()
        again.variables, again.factors = dict(graph.variables), dict(graph.factors)
        more = torch.tensor([amount, 0.0])
        again.factor(library.emission, name="tilt", x="x0", log_likelihood=more)
        other = SumProduct(again)
        other.update_beliefs()
        return other.free_energy

    slope = (tilted(tilt) - tilted(-tilt)) / (2 * tilt)
    assert slope.item() == pytest.approx(-found["x0"].probs[0].item(), abs=1e-8)


def test_impossible_values_stay_impossible() -> None:
    graph = FactorGraph()
    for name in ("a", "b"):
        graph.variable(name, Categorical(2))
    graph.factor(library.categorical, x="a", probs=torch.tensor([1.0, 0.0]))
    graph.factor(library.table, x="b", given="a", probs=torch.eye(2))
    found: Any = SumProduct(graph).update_beliefs()
    assert found["b"].probs.tolist() == [1.0, 0.0]


def test_yes_or_no_is_a_choice() -> None:
    def agree(one: CountMoments, two: CountMoments) -> Tensor:
        return 2.0 * one.mean * two.mean + 0.5 * one.mean

    graph = FactorGraph()
    for name in ("a", "b"):
        graph.variable(name, Bernoulli())
    graph.factor(agree, one="a", two="b")
    passing = SumProduct(graph)
    found: Any = passing.update_beliefs()
    whole = torch.tensor([[0.0, 0.0], [0.5, 2.5]])
    torch.testing.assert_close(found["a"].probs, whole.flatten().softmax(0)[2:].sum())
    torch.testing.assert_close(passing.free_energy, -whole.flatten().logsumexp(0))


def test_a_gaussian_tree_is_exact() -> None:
    graph = FactorGraph()
    root, leaf = graph.variable("root", MultivariateGaussian(2)), graph.variable("leaf", Gaussian())
    other = graph.variable("other", Gaussian())
    matrix, noise = torch.randn(2, 2), torch.eye(2) * 2.0
    graph.factor(library.gaussian_vector, x=root, mean=torch.ones(2), precision=torch.eye(2))
    graph.factor(
        library.linear, y=torch.tensor([1.0, -1.0]), x=root, matrix=matrix, precision=noise
    )
    weights = torch.tensor([0.5, -2.0])
    graph.factor(library.dot, y=leaf, x=root, weights=weights, precision=3.0)
    graph.factor(library.gaussian, x=other, mean=leaf, precision=1.0)
    graph.factor(library.gaussian, x=0.7, mean=other, precision=4.0)
    passing = SumProduct(graph)
    found: Any = passing.update_beliefs()
    # all of it as one Gaussian: z = (root, leaf, other), rows of differences with their precisions
    rows = torch.zeros(7, 4)
    rows[0:2, 0:2], rows[2:4, 0:2] = torch.eye(2), matrix
    rows[4, :2], rows[4, 2] = -weights, 1.0
    rows[5, 2], rows[5, 3], rows[6, 3] = -1.0, 1.0, 1.0
    goal = torch.tensor([1.0, 1.0, 1.0, -1.0, 0.0, 0.0, 0.7])
    weight = torch.tensor([1.0, 1.0, 2.0, 2.0, 3.0, 1.0, 4.0])
    precision = rows.T * weight @ rows
    mean = torch.linalg.solve(precision, rows.T * weight @ goal)
    cov = precision.inverse()
    torch.testing.assert_close(found["root"].loc, mean[:2], rtol=0, atol=1e-10)
    torch.testing.assert_close(found["root"].covariance_matrix, cov[:2, :2], rtol=0, atol=1e-10)
    torch.testing.assert_close(found["leaf"].variance, cov[2, 2], rtol=0, atol=1e-10)
    torch.testing.assert_close(found["other"].loc, mean[3], rtol=0, atol=1e-10)
    log_z = (weight.log().sum() - 7 * library.LOG_2PI - (weight * goal.square()).sum()) / 2
    log_z = log_z + (mean @ precision @ mean - precision.logdet() + 4 * library.LOG_2PI) / 2
    assert passing.free_energy.item() == pytest.approx(-log_z.item(), rel=1e-10)


def test_other_kinds_are_named() -> None:
    graph = FactorGraph()
    graph.variable("x", Gaussian())
    graph.variable("noise", Gamma())
    graph.factor(library.gaussian, x="x", mean=0.0, precision="noise")
    with pytest.raises(ValueError, match="all discrete or all Gaussian"):
        SumProduct(graph)


def test_batches_are_named() -> None:
    graph = FactorGraph()
    graph.variable("x", Gaussian(), (3,))
    graph.factor(library.gaussian, x="x", mean=0.0, precision=1.0)
    with pytest.raises(ValueError, match="variables without batch dims"):
        SumProduct(graph)


def test_improper_gaussians_are_named() -> None:
    graph = FactorGraph()
    graph.variable("x", Gaussian())
    graph.variable("y", Gaussian())
    graph.factor(lambda x, y: -x.square + 0.0 * y.mean, x="x", y="y")
    with pytest.raises(ValueError, match="a proper prior"):
        SumProduct(graph).update_beliefs()
