"""Natural-gradient SVI, against coordinate ascent written out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Predictive, TraceMeanField_ELBO
from scipy.special import digamma
from torch import Tensor

from pyro_activeinf.conjugacy import ApproximateMessageWarning, Laplace
from pyro_activeinf.learning import NaturalGradientSVI, RobbinsMonro
from pyro_activeinf.messages import FactorGraph, VariationalMessagePassing

TIGHT = {"rtol": 1e-8, "atol": 1e-8}


def level_model(x: Tensor) -> None:
    level = pyro.sample("level", dist.Normal(1.0, 2.0))
    with pyro.plate("rows", len(x)):
        pyro.sample("x", dist.Normal(level, 0.5), obs=x)


def test_a_conjugate_gaussian_takes_one_step() -> None:
    x = torch.randn(20) + 3
    svi = NaturalGradientSVI(level_model, rho=1.0)
    loss = svi.step(x)
    precision = 1 / 4 + 20 / 0.25
    belief: Any = svi.marginals["level"]
    torch.testing.assert_close(belief.loc, (1 / 4 + x.sum() / 0.25) / precision, **TIGHT)
    torch.testing.assert_close(belief.variance, torch.tensor(1 / precision), **TIGHT)
    joint = dist.MultivariateNormal(torch.ones(20), 0.25 * torch.eye(20) + 4.0)
    assert loss == pytest.approx(-joint.log_prob(x).item(), rel=1e-9)
    assert svi.step(x) == pytest.approx(loss, rel=1e-12)


def gaussian_gamma(x: Tensor) -> None:
    level = pyro.sample("level", dist.Normal(0.0, 10.0))
    noise = pyro.sample("noise", dist.Gamma(2.0, 3.0))
    with pyro.plate("rows", len(x)):
        pyro.sample("x", dist.Normal(level, noise.rsqrt()), obs=x)


def test_gaussian_gamma_is_coordinate_ascent() -> None:
    x = torch.randn(30) * 2 + 1
    svi = NaturalGradientSVI(gaussian_gamma, rho=1.0)
    noise_mean = 1.0  # of what is believed before the first step: see below
    for step in range(4):
        svi.step(x)
        if step == 0:
            noise_mean = 2.0 / 3.0
        precision = 1 / 100 + 30 * noise_mean
        loc = noise_mean * x.sum() / precision
        shape = 2.0 + 30 / 2
        rate = 3.0 + ((x - loc).square().sum() + 30 / precision) / 2
        noise_mean = shape / rate.item()
        level: Any = svi.marginals["level"]
        noise: Any = svi.marginals["noise"]
        torch.testing.assert_close(level.loc, loc, **TIGHT)
        torch.testing.assert_close(noise.rate, rate, **TIGHT)
        torch.testing.assert_close(noise.concentration, torch.tensor(shape), **TIGHT)


def mixture(x: Tensor) -> None:
    share = pyro.sample("share", dist.Dirichlet(torch.ones(3)))
    with pyro.plate("kinds", 3):
        place = pyro.sample("place", dist.Normal(0.0, 5.0))
        noise = pyro.sample("noise", dist.Gamma(1.0, 1.0))
    with pyro.plate("rows", len(x)):
        kind = pyro.sample("kind", dist.Categorical(share))
        pyro.sample("x", dist.Normal(place[kind], noise[kind].rsqrt()), obs=x)


def test_mixture_is_coordinate_ascent() -> None:
    x = torch.cat([torch.randn(20) - 4, torch.randn(20), torch.randn(20) + 5])
    svi = NaturalGradientSVI(mixture, rho=1.0, order=("share", "place", "noise", "kind"))
    svi.step(x)
    noise: Any = svi.marginals["noise"]
    kind: Any = svi.marginals["kind"]
    a, b, r = noise.concentration.numpy(), noise.rate.numpy(), kind.probs.numpy()
    data = x.numpy()[:, None]
    for _ in range(5):
        svi.step(x)
        alpha = 1 + r.sum(0)
        precision = 1 / 25 + (a / b) * r.sum(0)
        loc = (a / b) * (r * data).sum(0) / precision
        square = (data - loc) ** 2 + 1 / precision
        a, b = 1 + r.sum(0) / 2, 1 + (r * square).sum(0) / 2
        log_r = digamma(alpha) + (digamma(a) - np.log(b)) / 2 - (a / b) * square / 2
        r = np.exp(log_r - log_r.max(1, keepdims=True))
        r /= r.sum(1, keepdims=True)
        found: Any = svi.marginals
        assert np.abs(found["share"].concentration.numpy() - alpha).max() < 1e-8
        assert np.abs(found["place"].loc.numpy() - loc).max() < 1e-8
        assert np.abs(found["noise"].rate.numpy() - b).max() < 1e-8
        assert np.abs(found["kind"].probs.numpy() - r).max() < 1e-8


def topics(words: Tensor) -> None:
    with pyro.plate("topics", 2):
        phi = pyro.sample("phi", dist.Dirichlet(0.5 * torch.ones(4)))
    with pyro.plate("documents", words.shape[1]):
        theta = pyro.sample("theta", dist.Dirichlet(torch.ones(2)))
        with pyro.plate("words", words.shape[0]):
            topic = pyro.sample("topic", dist.Categorical(theta))
            pyro.sample("word", dist.Categorical(phi[topic]), obs=words)


def expected_log(concentration: np.ndarray) -> np.ndarray:
    total: np.ndarray = concentration.sum(-1, keepdims=True)
    return digamma(concentration) - digamma(total)


def test_topics_are_coordinate_ascent() -> None:
    words = torch.randint(4, (12, 5))
    svi = NaturalGradientSVI(topics, rho=1.0, order=("phi", "theta", "topic"))
    svi.step(words)
    found: Any = svi.marginals
    r = found["topic"].probs.numpy()  # (words, documents, topics)
    seen = np.eye(4)[words.numpy()]
    for _ in range(5):
        svi.step(words)
        phi = 0.5 + np.einsum("wdk,wdv->kv", r, seen)
        theta = 1 + r.sum(0)
        log_r = expected_log(theta)[None] + expected_log(phi).T[words.numpy()]
        r = np.exp(log_r)
        r /= r.sum(-1, keepdims=True)
        found = svi.marginals
        assert np.abs(found["phi"].concentration.numpy() - phi).max() < 1e-8
        assert np.abs(found["theta"].concentration.numpy() - theta).max() < 1e-8
        assert np.abs(found["topic"].probs.numpy() - r).max() < 1e-8


def test_minibatches_settle_where_all_rows_do() -> None:
    x = torch.randn(200) * 0.5 + 2

    def some(x: Tensor) -> None:
        level = pyro.sample("level", dist.Normal(0.0, 10.0))
        noise = pyro.sample("noise", dist.Gamma(1.0, 1.0))
        with pyro.plate("rows", 200, subsample_size=50) as rows:
            pyro.sample("x", dist.Normal(level, noise.rsqrt()), obs=x[rows])

    svi = NaturalGradientSVI(some, RobbinsMonro(tau=1.0, kappa=0.9))
    for _ in range(30):
        svi.step(x)
    level: Any = svi.marginals["level"]
    noise: Any = svi.marginals["noise"]
    assert abs(level.loc - x.mean()) < 3 * x.std() / 200**0.5
    assert noise.concentration.item() == pytest.approx(101.0)  # every step counts all rows
    assert noise.mean.item() == pytest.approx(1 / x.var().item(), rel=0.1)


def test_local_sites_are_fit_before_global_ones_move() -> None:
    x = torch.cat([torch.randn(100) - 4, torch.randn(100) + 4])[torch.randperm(200)]

    def some(x: Tensor) -> None:
        with pyro.plate("kinds", 2):
            place = pyro.sample("place", dist.Normal(torch.tensor([-1.0, 1.0]), 2.0))
        with pyro.plate("rows", 200, subsample_size=40) as rows:
            kind = pyro.sample("kind", dist.Categorical(torch.ones(2) / 2))
            pyro.sample("x", dist.Normal(place[kind], 1.0), obs=x[rows])

    svi = NaturalGradientSVI(some, RobbinsMonro(tau=1.0, kappa=0.7))
    for _ in range(20):
        svi.step(x)
    place: Any = svi.marginals["place"]
    assert place.loc.sort().values.tolist() == pytest.approx([-4.0, 4.0], abs=0.4)
    assert place.variance.tolist() == pytest.approx([1 / 100.25] * 2, rel=0.2)


def logistic(x: Tensor, y: Tensor) -> None:
    weights = pyro.sample("weights", dist.Normal(torch.zeros(2), 2.0).to_event(1))
    with pyro.plate("rows", len(y)):
        pyro.sample("y", dist.Bernoulli(logits=x @ weights), obs=y)


def grid_posterior(x: Tensor, y: Tensor) -> Tensor:
    """Mean of the weights, by quadrature."""
    axis = torch.linspace(-6, 6, 241)
    points = torch.cartesian_prod(axis, axis)
    log_p = dist.Bernoulli(logits=points @ x.T).log_prob(y).sum(-1)
    log_p = log_p - points.square().sum(-1) / 8
    return log_p.softmax(0) @ points


def test_sites_without_conjugate_messages_are_learned_by_samples() -> None:
    x = torch.randn(60, 2)
    y = torch.bernoulli((x @ torch.tensor([1.0, -1.5])).sigmoid())
    svi = NaturalGradientSVI(logistic, RobbinsMonro(tau=2.0, kappa=0.7))
    with pytest.warns(ApproximateMessageWarning, match="y has no conjugate messages to weights"):
        svi.step(x, y)
    for _ in range(40):
        svi.step(x, y)
    weights: Any = svi.marginals["weights"]
    assert (weights.loc - grid_posterior(x, y)).abs().max() < 0.1


@pytest.mark.filterwarnings("ignore::pyro_activeinf.conjugacy.ApproximateMessageWarning")
def test_laplace_settles_at_the_mode() -> None:
    x = torch.randn(60, 2)
    y = torch.bernoulli((x @ torch.tensor([1.0, -1.5])).sigmoid())
    svi = NaturalGradientSVI(logistic, rho=1.0, approximation=Laplace())
    for _ in range(12):
        svi.step(x, y)
    weights: Any = svi.marginals["weights"]
    mode = weights.loc.clone().requires_grad_()
    log_p = dist.Bernoulli(logits=x @ mode).log_prob(y).sum() - mode.square().sum() / 8
    assert torch.autograd.grad(log_p, mode)[0].abs().max() < 1e-8
    p = (x @ mode.detach()).sigmoid()
    bend = (x.T * (p * (1 - p))) @ x + torch.eye(2) / 4
    torch.testing.assert_close(weights.precision_matrix, bend, rtol=1e-7, atol=1e-9)


def test_the_guide_is_one_of_pyro() -> None:
    x = torch.cat([torch.randn(20) - 4, torch.randn(20), torch.randn(20) + 5])
    svi = NaturalGradientSVI(mixture, rho=1.0)
    for _ in range(3):
        loss = svi.step(x)
    elbo = TraceMeanField_ELBO(num_particles=100)
    with pyro.validation_enabled(False):  # Pyro has no KL between Gammas in plates of one dim
        found = elbo.loss(mixture, svi.guide, x)
    assert found == pytest.approx(loss, rel=0.02)
    drawn = Predictive(mixture, guide=svi.guide, num_samples=3)(x)
    assert drawn["place"].shape == (3, 3)


@pytest.mark.parametrize("rho", [0.0, 1.5, RobbinsMonro(tau=0.5)])
def test_steps_have_a_size(rho: Any) -> None:
    with pytest.raises(ValueError, match="`rho`: expected steps of a size"):
        NaturalGradientSVI(level_model, rho=rho)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda: NaturalGradientSVI(cast(Any, 3)), "`model`: expected a Pyro program"),
        (lambda: NaturalGradientSVI(level_model, cast(Any, "x")), "`rho`: expected a number"),
        (lambda: NaturalGradientSVI(level_model, order=cast(Any, "level")), "`order`"),
        (lambda: NaturalGradientSVI(level_model, approximation=cast(Any, 3)), "`approximation`"),
    ],
)
def test_other_types_are_named(wrong: Callable[[], Any], text: str) -> None:
    with pytest.raises(TypeError, match=text):
        wrong()


def test_nothing_is_believed_before_the_first_step() -> None:
    with pytest.raises(ValueError, match="Take a step"):
        _ = NaturalGradientSVI(level_model).marginals


def test_data_that_change_in_place_are_read_again() -> None:
    x = torch.zeros(4)
    svi = NaturalGradientSVI(level_model, rho=1.0)
    svi.step(x)
    x += 1.0
    svi.step(x)
    level: Any = svi.marginals["level"]
    torch.testing.assert_close(level.loc, torch.tensor(1.0), **TIGHT)


def test_a_program_that_cannot_be_read_leaves_beliefs_as_they_are() -> None:
    svi = NaturalGradientSVI(level_model, rho=1.0)
    svi.step(torch.ones(4))
    before = svi.beliefs
    with pytest.raises(TypeError):
        svi.step()
    assert svi.beliefs is before
    assert svi.steps == 1


def test_steep_sites_are_walked_down() -> None:
    pyro.set_rng_seed(0)
    y = torch.tensor([0.5, 1.0, 2.0])

    def model(y: Tensor) -> None:
        v = pyro.sample("v", dist.MultivariateNormal(torch.zeros(4), torch.eye(4)))
        with pyro.plate("rows", 3):
            pyro.sample("y", dist.Normal(v.exp().sum(), 1.0), obs=y)

    svi = NaturalGradientSVI(model)
    with pytest.warns(ApproximateMessageWarning):
        losses = [svi.step(y) for _ in range(25)]
    with pytest.warns(ApproximateMessageWarning):
        least = VariationalMessagePassing(FactorGraph.from_program(model, y))
    least.update_beliefs()
    assert losses[0] < 1e3
    assert losses[-1] == pytest.approx(float(least.free_energy[-1]), abs=1.0)


def counts_model(y: Tensor) -> None:
    rate = pyro.sample("rate", dist.Gamma(1.0, 0.1))
    with pyro.plate("rows", len(y), subsample_size=len(y) // 2 if len(y) > 2 else None) as rows:
        n = pyro.sample("n", dist.Poisson(rate))
        pyro.sample("y", dist.Normal(n, 1.0), obs=y[rows])


def test_lists_of_counts_grow_as_far_as_message_passing_takes_them() -> None:
    pyro.set_rng_seed(0)
    y = torch.tensor([90.0, 110.0])
    passing = VariationalMessagePassing(FactorGraph.from_program(counts_model, y), 300, 1e-13)
    wanted = passing.update_beliefs()
    svi = NaturalGradientSVI(counts_model, rho=1.0)
    losses = [svi.step(y) for _ in range(9)]
    for site, belief in wanted.items():
        torch.testing.assert_close(svi.marginals[site].mean, belief.mean, rtol=1e-6, atol=1e-6)
    assert losses[-1] == pytest.approx(float(passing.free_energy[-1]), rel=1e-9)


def test_lists_of_counts_grow_in_minibatches() -> None:
    pyro.set_rng_seed(0)
    y = torch.full((4,), 100.0)
    svi = NaturalGradientSVI(counts_model)
    for _ in range(12):
        svi.step(y)
    assert svi.marginals["rate"].mean.item() == pytest.approx(float(y.mean()), rel=0.1)
