"""Variational message passing: F never rises, and posteriors are those of closed forms."""

import itertools
from typing import Any

import numpy as np
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.bench.random_graphs import random_graph
from pyro_activeinf.conjugacy import Bernoulli, update
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.messages import (
    Beta,
    Categorical,
    Dirichlet,
    DiscreteChain,
    FactorGraph,
    Gamma,
    Gaussian,
    GaussianChain,
    Laplace,
    MultivariateGaussian,
    Nonlinear,
    Parallel,
    Poisson,
    Sampled,
    Sequential,
    VariationalMessagePassing,
    Wishart,
    library,
)
from pyro_activeinf.models import POMDP
from tests import kalman

EXACT = {"rtol": 1e-9, "atol": 1e-9}


@pytest.mark.parametrize("twenty", range(3))  # bench.messages has more of them
def test_free_energy_never_rises(twenty: int) -> None:
    for seed in range(20 * twenty, 20 * twenty + 20):
        passing = VariationalMessagePassing(random_graph(seed), max_iter=3, tolerance=0.0)
        passing.update_beliefs()
        rise = passing.free_energy.diff().max()
        assert rise <= 1e-9 * passing.free_energy.abs().max(), seed


@pytest.mark.parametrize("seed", [0, 3, 8])
def test_every_single_update_lowers_free_energy(seed: int) -> None:
    graph = random_graph(seed)
    beliefs = graph.beliefs()
    before = graph.free_energy(beliefs)
    for name in list(graph.variables) * 3:
        beliefs = update(graph.around(name), beliefs, name, 1.0)
        after = graph.free_energy(beliefs)
        assert after <= before + 1e-9 * before.abs()
        before = after


@pytest.mark.parametrize("seed", [1, 4])
def test_all_at_once_with_damping_finds_the_same(seed: int) -> None:
    graph = random_graph(seed)
    torch.manual_seed(0)
    one = VariationalMessagePassing(graph, max_iter=200, tolerance=1e-10)
    one.update_beliefs()
    other = VariationalMessagePassing(graph, 200, 1e-9, Parallel(damping=0.5))
    other.beliefs = one.beliefs.moved(
        {n: one.beliefs.natural[n] * 1.05 for n, v in graph.variables.items()}
    )
    other.update_beliefs()
    assert other.converged
    assert other.free_energy[-1].item() == pytest.approx(one.free_energy[-1].item(), rel=1e-6)


def run(graph: FactorGraph, **options: Any) -> tuple[Any, VariationalMessagePassing]:
    passing = VariationalMessagePassing(graph, **options)
    return passing.update_beliefs(), passing


def conjugate_pairs() -> dict[str, FactorGraph]:
    """One unknown and its data, each with the posterior in closed form."""
    graphs = {}
    coins = torch.tensor([1.0, 0.0, 1.0, 1.0])
    graph = FactorGraph()
    chance = graph.variable("z", Beta())
    graph.factor(library.beta, x=chance, a=2.0, b=3.0)
    graph.factor(library.bernoulli, x=graph.observe("x", Bernoulli(), coins), chance=chance)
    graphs["beta"] = graph
    graph = FactorGraph()
    rate = graph.variable("z", Gamma())
    graph.factor(library.gamma, x=rate, shape=2.0, rate=3.0)
    counts = graph.observe("x", Poisson(), torch.tensor([3.0, 0.0, 2.0]))
    graph.factor(library.poisson, x=counts, rate=rate)
    graphs["gamma"] = graph
    graph = FactorGraph()
    share = graph.variable("z", Dirichlet(3))
    graph.factor(library.dirichlet, x=share, concentration=torch.tensor([1.0, 2.0, 0.5]))
    seen = graph.observe("x", Categorical(3), torch.tensor([0, 2, 2, 1, 2]))
    graph.factor(library.categorical, x=seen, probs=share)
    graphs["dirichlet"] = graph
    graph = FactorGraph()
    spread = graph.variable("z", Wishart(2))
    graph.factor(library.wishart, x=spread, df=4.0, scale=torch.eye(2))
    vectors = graph.observe("x", MultivariateGaussian(2), torch.tensor([[1.0, 2.0], [0.0, -1.0]]))
    graph.factor(library.gaussian_vector, x=vectors, mean=torch.zeros(2), precision=spread)
    graphs["wishart"] = graph
    return graphs


def log_evidence(kind: str) -> float:
    """Prior times likelihood over the posterior, at any point."""
    if kind == "beta":
        prior, posterior, at = dist.Beta(2.0, 3.0), dist.Beta(5.0, 4.0), torch.tensor(0.3)
        seen = dist.Bernoulli(at).log_prob(torch.tensor([1.0, 0.0, 1.0, 1.0]))
    elif kind == "gamma":
        prior, posterior, at = dist.Gamma(2.0, 3.0), dist.Gamma(7.0, 6.0), torch.tensor(1.3)
        seen = dist.Poisson(at).log_prob(torch.tensor([3.0, 0.0, 2.0]))
    elif kind == "dirichlet":
        counts = torch.tensor([1.0, 2.0, 0.5])
        prior, posterior = dist.Dirichlet(counts), dist.Dirichlet(torch.tensor([2.0, 3.0, 3.5]))
        at = torch.tensor([0.2, 0.5, 0.3])
        seen = dist.Categorical(at).log_prob(torch.tensor([0, 2, 2, 1, 2]))
    else:
        x, at = torch.tensor([[1.0, 2.0], [0.0, -1.0]]), torch.tensor([[1.0, 0.2], [0.2, 0.5]])
        prior = dist.Wishart(torch.tensor(4.0), precision_matrix=torch.eye(2))
        posterior = dist.Wishart(torch.tensor(6.0), precision_matrix=torch.eye(2) + x.T @ x)
        seen = dist.MultivariateNormal(torch.zeros(2), precision_matrix=at).log_prob(x)
    return float(prior.log_prob(at) + seen.sum() - posterior.log_prob(at))


@pytest.mark.parametrize("kind", ["beta", "gamma", "dirichlet", "wishart"])
def test_conjugate_pairs_are_exact_after_one_sweep(kind: str) -> None:
    _, passing = run(conjugate_pairs()[kind], max_iter=1)
    assert passing.free_energy[-1].item() == pytest.approx(-log_evidence(kind), abs=1e-10)


def test_a_gaussian_with_unknown_mean_and_noise() -> None:
    """The fixed point of the two equations of the textbooks (Bishop 2006, sec. 10.1.3)."""
    x = torch.randn(50) * 2 + 1
    graph = FactorGraph()
    level, noise = graph.variable("level", Gaussian()), graph.variable("noise", Gamma())
    graph.factor(library.gaussian, x=level, mean=0.0, precision=0.01)
    graph.factor(library.gamma, x=noise, shape=1.0, rate=1.0)
    graph.factor(library.gaussian, x=graph.observe("x", Gaussian(), x), mean=level, precision=noise)
    found, _ = run(graph, tolerance=1e-15)
    tau = 1.0
    for _ in range(100):
        precision = 0.01 + 50 * tau
        loc = tau * x.sum() / precision
        tau = (1 + 25) / (1 + ((x - loc).square().sum() + 50 / precision) / 2)
    torch.testing.assert_close(found["level"].loc, loc, **EXACT)
    torch.testing.assert_close(found["noise"].mean, tau, **EXACT)


def test_regression_with_known_noise_is_exact() -> None:
    design, y = torch.randn(20, 3), torch.randn(20)
    graph = FactorGraph()
    weights = graph.variable("weights", MultivariateGaussian(3))
    graph.factor(library.shrinkage, weights=weights, precision=torch.tensor([1.0, 2.0, 3.0]))
    seen = graph.observe("y", Gaussian(), y)
    graph.factor(library.regression, y=seen, design=design, weights=weights, precision=4.0)
    found, passing = run(graph)
    precision = torch.diag(torch.tensor([1.0, 2.0, 3.0])) + 4 * design.T @ design
    wanted = torch.linalg.solve(precision, 4 * design.T @ y)
    torch.testing.assert_close(found["weights"].loc, wanted, **EXACT)
    torch.testing.assert_close(found["weights"].covariance_matrix, precision.inverse(), **EXACT)
    prior = dist.MultivariateNormal(
        torch.zeros(20),
        torch.eye(20) / 4 + design @ torch.diag(1 / torch.tensor([1.0, 2.0, 3.0])) @ design.T,
    )
    assert passing.free_energy[-1].item() == pytest.approx(-prior.log_prob(y).item(), rel=1e-10)


def test_a_linear_dynamical_system_is_exact() -> None:
    system = kalman.random_system(1, n=2, m=2, k=None)
    seen, _ = kalman.simulate(system, 0, 30)
    A, C, Q, R = (torch.as_tensor(x) for x in (system.A, system.C, system.Q, system.R))
    graph = FactorGraph()
    chain = graph.variable("s", GaussianChain(30, 2))
    start = {
        "initial_mean": torch.as_tensor(system.mean),
        "initial_precision": torch.as_tensor(system.cov).inverse(),
    }
    graph.factor(library.linear_chain, x=chain, matrix=A, precision=Q.inverse(), **start)
    shown = torch.as_tensor(seen - system.offset)
    y = graph.observe("o", MultivariateGaussian(2), shown)
    graph.factor(library.linear_emission, y=y, x=chain, matrix=C, precision=R.inverse())
    found, passing = run(graph)
    truth = kalman.smooth(system, seen)
    assert np.abs(found["s"].loc.numpy() - truth.means).max() < 1e-8
    assert np.abs(found["s"].covariance_matrix.numpy() - truth.covs).max() < 1e-8
    assert passing.free_energy[-1].item() == pytest.approx(-truth.log_evidence, rel=1e-10)


def test_a_hidden_markov_model_is_exact() -> None:
    torch.manual_seed(1)
    initial, table = torch.rand(3).softmax(0), torch.rand(3, 3).softmax(-1)
    shows = torch.rand(3, 4).softmax(-1)
    seen = torch.randint(4, (25,))
    graph = FactorGraph()
    chain = graph.variable("s", DiscreteChain(25, 3))
    graph.factor(library.transition, x=chain, initial=initial, table=table)
    graph.factor(library.emission, x=chain, log_likelihood=shows.log()[:, seen].T)
    found, passing = run(graph)
    model = POMDP(A=[shows.T], B=[table.T.unsqueeze(-1)], D=[initial])
    smoothed = ExactFilter(model).smooth({"o0": seen}, torch.zeros(24, dtype=torch.long))
    torch.testing.assert_close(found["s"].probs, smoothed.probs, rtol=0, atol=1e-8)
    pairs = passing.beliefs.variables["s"].family.moments(passing.beliefs.means["s"]).pairs
    torch.testing.assert_close(pairs, smoothed.pairwise, rtol=0, atol=1e-8)
    assert passing.free_energy[-1].item() == pytest.approx(smoothed.free_energy.item(), rel=1e-10)


def quartic(approximation: Any) -> FactorGraph:
    """A prior and a link that is not linear: y ~ N(x^2 / 2, 1)."""
    graph = FactorGraph()
    x = graph.variable("x", Gaussian(), initial=torch.tensor([2.0, -0.5]))
    graph.factor(library.gaussian, x=x, mean=1.0, precision=1.0)

    def link(x: torch.Tensor, y: float) -> torch.Tensor:
        return dist.Normal(x**2 / 2, 1.0).log_prob(torch.tensor(y))

    graph.factor(Nonlinear("link", link, {"x": x}, {"y": 3.0}, approximation))
    return graph


def log_quartic(x: float) -> float:
    return -((x - 1) ** 2) / 2 - (3 - x**2 / 2) ** 2 / 2


def test_sampled_messages_find_the_best_gaussian() -> None:
    graph = quartic(Sampled(1000))
    found, passing = run(graph, max_iter=12)
    assert graph.approximate == ["link"]
    assert passing.free_energy.diff().max() <= 1e-10

    def energy(loc: float, scale: float) -> float:
        nodes, weights = np.polynomial.hermite_e.hermegauss(40)
        values = [log_quartic(loc + scale * z) for z in nodes]
        return float(-np.log(scale) - np.array(values) @ weights / weights.sum())

    places = itertools.product(np.linspace(1.8, 2.6, 81), np.linspace(0.2, 0.7, 51))
    best = min((energy(*place), *place) for place in places)
    assert found["x"].loc.item() == pytest.approx(best[1], abs=0.03)
    assert found["x"].scale.item() == pytest.approx(best[2], abs=0.03)


def test_laplace_messages_find_the_mode() -> None:
    found, _ = run(quartic(Laplace()), max_iter=200, tolerance=0.0)
    mode = found["x"].loc.item()
    slope = (log_quartic(mode + 1e-5) - log_quartic(mode - 1e-5)) / 2e-5
    assert slope == pytest.approx(0.0, abs=1e-8)
    bend = 1 - (3 - mode**2 / 2) + mode**2
    assert found["x"].variance.item() == pytest.approx(1 / bend, rel=1e-8)


def test_messages_can_be_looked_at() -> None:
    graph = random_graph(3)
    _, passing = run(graph, max_iter=100, tolerance=1e-12)
    for name, variable in graph.variables.items():
        each = [passing.f2v[factor.name, name] for factor in graph.around(name)]
        together = sum(each)
        mean = variable.family.mean(together)
        torch.testing.assert_close(mean, passing.beliefs.means[name], rtol=1e-4, atol=1e-4)
        for factor in graph.around(name):
            assert passing.v2f[name, factor.name] is passing.beliefs.means[name]


def test_an_order_can_be_given() -> None:
    graph = FactorGraph()
    for name in ("a", "b"):
        graph.variable(name, Gaussian())
        graph.factor(library.gaussian, x=name, mean=0.0, precision=1.0)
    graph.factor(library.gaussian, x="a", mean="b", precision=1.0)
    run(graph, schedule=Sequential(("b", "a")))
    with pytest.raises(ValueError, match="all variables, got none of"):
        run(graph, schedule=Sequential(("b",)))
    with pytest.raises(ValueError, match="names among"):
        run(graph, schedule=Sequential(("b", "a", "c")))


@pytest.mark.parametrize("damping", [-0.1, 1.0])
def test_damping_has_a_range(damping: float) -> None:
    with pytest.raises(ValueError, match="a number in"):
        Parallel(damping)


def test_beliefs_go_on_from_where_they_are() -> None:
    torch.manual_seed(2)
    graph = random_graph(2)
    passing = VariationalMessagePassing(graph, max_iter=2, tolerance=0.0)
    passing.update_beliefs()
    passing.update_beliefs()
    assert len(passing.free_energy) == 5
    assert passing.free_energy.diff().max() <= 1e-9 * passing.free_energy.abs().max()


def walk(seen: torch.Tensor, **unknown: Any) -> FactorGraph:
    graph = FactorGraph()
    chain = graph.variable("s", GaussianChain(len(seen), 1))
    one = torch.eye(1)
    start = {"initial_mean": torch.zeros(1), "initial_precision": one}
    precision = unknown.get("precision", one)
    if isinstance(precision, Wishart):
        precision = graph.variable("precision", precision)
        graph.factor(library.wishart, x=precision, df=3.0, scale=one)
    graph.factor(library.linear_chain, x=chain, matrix=0.9 * one, precision=precision, **start)
    y = graph.observe("o", MultivariateGaussian(1), seen)
    graph.factor(library.linear_emission, y=y, x=chain, matrix=one, precision=one)
    return graph


def test_filtering_is_smoothing_of_what_was_seen_so_far() -> None:
    seen = torch.randn(7, 1)
    filtered: Any = walk(seen).filtered("s")
    for t in range(2, 8):
        found, _ = run(walk(seen[:t]))
        torch.testing.assert_close(filtered.loc[t - 1], found["s"].loc[-1])
        torch.testing.assert_close(
            filtered.covariance_matrix[t - 1], found["s"].covariance_matrix[-1]
        )


def test_what_cannot_be_filtered_is_named() -> None:
    with pytest.raises(ValueError, match="a chain of known parameters"):
        walk(torch.randn(3, 1), precision=Wishart(1)).filtered("s")
    with pytest.raises(ValueError, match="`chain`: expected a chain, got Gaussian"):
        quartic(Sampled()).filtered("x")


def test_gradients_of_f_reach_what_is_known() -> None:
    """At the optimum, beliefs do not count: dF / d parameter is that of the evidence."""
    seen = torch.randn(6, 1)

    def energy(turn: torch.Tensor) -> torch.Tensor:
        graph, one = FactorGraph(), torch.eye(1)
        chain = graph.variable("s", GaussianChain(6, 1))
        start: dict[str, Any] = {"initial_mean": torch.zeros(1), "initial_precision": one}
        graph.factor(library.linear_chain, x=chain, matrix=turn, precision=one, **start)
        y = graph.observe("o", MultivariateGaussian(1), seen)
        graph.factor(library.linear_emission, y=y, x=chain, matrix=one, precision=one)
        passing = VariationalMessagePassing(graph)
        passing.update_beliefs()
        return graph.free_energy(passing.beliefs)

    turn = torch.tensor([[0.8]], requires_grad=True)
    (slope,) = torch.autograd.grad(energy(turn), turn)
    near = [energy(torch.tensor([[0.8 + h]])) for h in (1e-5, -1e-5)]
    torch.testing.assert_close(slope[0, 0], (near[0] - near[1]) / 2e-5, rtol=1e-6, atol=1e-6)
