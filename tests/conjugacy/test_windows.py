"""Latent counts, against sums over all their values."""

import warnings
from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.conjugacy import Listed
from pyro_activeinf.messages import (
    ApproximateMessageWarning,
    FactorGraph,
    Laplace,
    SumProduct,
    VariationalMessagePassing,
)


def passed(model: Any, **options: Any) -> VariationalMessagePassing:
    found = VariationalMessagePassing(FactorGraph.from_program(model, **options), 300, 1e-13)
    found.update_beliefs()
    assert found.converged
    assert found.free_energy.diff().max() < 1e-9 * found.free_energy.abs().max()
    return found


def t(x: Any) -> Tensor:
    return torch.as_tensor(x, dtype=torch.get_default_dtype())


PRIORS: dict[str, Callable[[], Any]] = {
    "poisson": lambda: dist.Poisson(t(4.0)),
    "binomial": lambda: dist.Binomial(9, t(0.4)),
    "geometric": lambda: dist.Geometric(t(0.2)),
    "negative binomial": lambda: dist.NegativeBinomial(t(3.0), t(0.6)),
    "beta-binomial": lambda: dist.BetaBinomial(t(2.0), t(3.0), 9),
    "gamma-poisson": lambda: dist.GammaPoisson(t(2.0), t(0.5)),
    "zero-inflated": lambda: dist.ZeroInflatedPoisson(t(4.0), gate=t(0.3)),
    "mixture": lambda: dist.MixtureSameFamily(
        dist.Categorical(t([0.5, 0.5])), dist.Poisson(t([1.0, 9.0]))
    ),
    "masked": lambda: dist.Poisson(t(4.0)).mask(True),
}


@pytest.mark.parametrize("kind", PRIORS)
def test_one_count_is_exact(kind: str) -> None:
    """By Bayes' rule over 0 to 400."""

    def model() -> None:
        n = pyro.sample("n", PRIORS[kind]())
        pyro.sample("y", dist.Normal(n.sqrt(), 0.7), obs=t(2.3))

    passing = passed(model)
    belief = passing.marginals["n"]
    values = torch.arange(400.0)
    if kind in ("binomial", "beta-binomial"):
        values = values[:10]
    joint = PRIORS[kind]().log_prob(values) + dist.Normal(values.sqrt(), 0.7).log_prob(t(2.3))
    wanted = joint.softmax(0)
    torch.testing.assert_close(belief.log_prob(values).exp(), wanted, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(belief.mean, (wanted * values).sum(), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(passing.free_energy[-1], -joint.logsumexp(0), rtol=1e-9, atol=1e-9)


VECTORS: dict[str, Any] = {
    "one hot": (
        lambda: dist.OneHotCategorical(t([0.2, 0.3, 0.5])),
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    ),
    "multinomial": (
        lambda: dist.Multinomial(2, t([0.2, 0.3, 0.5])),
        [[2, 0, 0], [0, 2, 0], [0, 0, 2], [1, 1, 0], [1, 0, 1], [0, 1, 1]],
    ),
    "dirichlet-multinomial": (
        lambda: dist.DirichletMultinomial(t([1.0, 2.0, 0.5]), 1),
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    ),
}


@pytest.mark.parametrize("kind", VECTORS)
def test_one_vector_is_exact(kind: str) -> None:
    prior, values = VECTORS[kind][0], t(VECTORS[kind][1])
    loc = t([0.3, 1.0, -2.0])

    def model() -> None:
        n = pyro.sample("n", prior())
        pyro.sample("y", dist.Normal((n * loc).sum(-1), 0.7), obs=t(0.4))

    passing = passed(model)
    joint = prior().log_prob(values) + dist.Normal(values @ loc, 0.7).log_prob(t(0.4))
    wanted = (joint.softmax(0).unsqueeze(-1) * values).sum(0)
    torch.testing.assert_close(passing.marginals["n"].mean, wanted, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(passing.free_energy[-1], -joint.logsumexp(0), rtol=1e-9, atol=1e-9)


def test_a_count_of_unknown_chance_is_the_mean_field_of_sums() -> None:
    """q(p) is Beta, q(n) a sum over 0 to 10: their updates by hand."""

    def model() -> None:
        p = pyro.sample("p", dist.Beta(2.0, 3.0))
        n = pyro.sample("n", dist.Binomial(10, p))
        pyro.sample("y", dist.Normal(n, 1.5), obs=t(7.0))

    found = passed(model).marginals
    values = torch.arange(11.0)
    choose = t(11.0).lgamma() - (values + 1).lgamma() - (11 - values).lgamma()
    seen, mean = dist.Normal(values, 1.5).log_prob(t(7.0)), t(5.0)
    for _ in range(300):
        a, b = 2 + mean, 3 + 10 - mean
        gain = a.digamma() - b.digamma()
        q = (choose + values * gain + seen).softmax(0)
        mean = (q * values).sum()
    torch.testing.assert_close(found["n"].mean, mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found["p"].concentration1, a, rtol=1e-6, atol=1e-6)


def test_what_is_far_from_the_prior_is_reached() -> None:
    """Of a hundred that were seen, with a chance of 1/2: n - 100 is Poisson under q."""

    def model() -> None:
        rate = pyro.sample("rate", dist.Gamma(1.0, 1.0))
        n = pyro.sample("n", dist.Poisson(rate))
        pyro.sample("y", dist.Binomial(n, 0.5), obs=t(100.0))

    passing = passed(model)
    rate, n = passing.marginals["rate"], passing.marginals["n"]
    torch.testing.assert_close(rate.concentration / rate.rate, (1 + n.mean) / 2)
    gone = (rate.concentration.digamma() - rate.rate.log()).exp() / 2
    torch.testing.assert_close(n.mean, 100 + gone, rtol=1e-6, atol=0)
    wanted = dist.Poisson(gone).log_prob(torch.arange(100.0))
    torch.testing.assert_close(n.log_prob(100 + torch.arange(100.0)), wanted, rtol=1e-4, atol=1e-4)


def test_counts_in_a_plate_are_apart() -> None:
    seen = t([3.0, 0.0, 8.0])

    def model() -> None:
        with pyro.plate("rows", 3):
            n = pyro.sample("n", dist.Poisson(t([1.0, 5.0, 9.0])))
            pyro.sample("y", dist.Normal(n, 1.0), obs=seen)

    found = passed(model).marginals["n"]
    values = torch.arange(80.0).unsqueeze(-1)
    joint = dist.Poisson(t([1.0, 5.0, 9.0])).log_prob(values) + dist.Normal(values, 1.0).log_prob(
        seen
    )
    torch.testing.assert_close(found.mean, (joint.softmax(0) * values).sum(0))


@pytest.mark.parametrize("approximation", [None, Laplace()])
def test_a_sum_over_discrete_elements_is_at_a_stationary_point(approximation: Any) -> None:
    """Each element's belief is the best one given the others', by all 32 combinations."""
    chances = t([0.1, 0.2, 0.5, 0.6, 0.9])

    def model() -> None:
        with pyro.plate("rows", 5):
            z = pyro.sample("z", dist.Bernoulli(chances))
        pyro.sample("y", dist.Normal(z.sum(), 0.5), obs=t(2.0))

    with pytest.warns(ApproximateMessageWarning, match="y has no conjugate messages to z: .*Sampl"):
        found = passed(model, approximation=approximation).marginals["z"].probs
    every = torch.cartesian_prod(*[torch.arange(2.0)] * 5)
    weights = torch.where(every == 1, found, 1 - found)
    seen = dist.Normal(every.sum(-1), 0.5).log_prob(t(2.0))
    for e in range(5):
        others = weights.prod(-1) / weights[:, e]
        gain = (others * seen * (2 * every[:, e] - 1)).sum() + chances[e].logit()
        torch.testing.assert_close(found[e], gain.sigmoid(), rtol=1e-5, atol=1e-5)


def test_many_discrete_elements_are_sampled() -> None:
    """Thirty of which ten are seen, all alike."""

    def model() -> None:
        with pyro.plate("rows", 30):
            z = pyro.sample("z", dist.Bernoulli(t(0.5)))
        pyro.sample("y", dist.Normal(z.sum(), 1.0), obs=t(10.0))

    with pytest.warns(ApproximateMessageWarning):
        passing = VariationalMessagePassing(FactorGraph.from_program(model), 5)
    passing.update_beliefs()
    assert passing.marginals["z"].probs.sum().item() == pytest.approx(10.0, abs=1.5)


def test_lists_grow_before_f_has_settled() -> None:
    """F is never still to the last digit, nor do lists wait for it."""

    def model() -> None:
        rate = pyro.sample("rate", dist.Gamma(1.0, 0.1))
        with pyro.plate("rows", 2):
            n = pyro.sample("n", dist.Poisson(rate))
            pyro.sample("y", dist.Normal(n, 1.0), obs=t([90.0, 110.0]))

    never = VariationalMessagePassing(FactorGraph.from_program(model), 12, 0.0).update_beliefs()
    rate, n = never["rate"], never["n"]
    torch.testing.assert_close(rate.concentration, 1 + n.mean.sum())
    values = torch.arange(400.0).unsqueeze(-1)
    log_rate = rate.concentration.digamma() - rate.rate.log()
    logits = values * log_rate - (values + 1).lgamma() - (values - t([90.0, 110.0])) ** 2 / 2
    torch.testing.assert_close(n.mean, (logits.softmax(0) * values).sum(0))


def test_a_list_that_is_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyro_activeinf.conjugacy import lists

    monkeypatch.setattr(lists, "LONGEST", 64)

    def model() -> None:
        n = pyro.sample("n", dist.Poisson(t(3.0)))
        pyro.sample("y", dist.Binomial(n, 0.5), obs=t(60.0))

    passing = VariationalMessagePassing(FactorGraph.from_program(model))
    with pytest.warns(ApproximateMessageWarning, match="The belief about n goes on beyond the"):
        passing.update_beliefs()


def test_a_graph_by_hand_has_lists_that_stay() -> None:
    family = Listed(torch.arange(6.0))
    graph = FactorGraph()
    n = graph.variable("n", family)

    def shows(n: Any) -> Tensor:
        return (n.probs * dist.Normal(family.values, 1.0).log_prob(t(2.0))).sum(-1)

    graph.factor(shows, n=n)
    wanted = dist.Normal(family.values, 1.0).log_prob(t(2.0)).softmax(0)
    passing = VariationalMessagePassing(graph)
    torch.testing.assert_close(passing.update_beliefs()["n"].probs, wanted)
    torch.testing.assert_close(SumProduct(graph).update_beliefs()["n"].probs, wanted)
    assert passing.converged


def test_what_is_quiet_stays_so() -> None:
    def model() -> None:
        n = pyro.sample("n", dist.Poisson(t(3.0)))
        pyro.sample("y", dist.Poisson(n + 0.5), obs=t(4.0))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        passed(model)
