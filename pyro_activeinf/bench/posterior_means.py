"""Posterior means of message passing, beside those of NUTS for the same programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import MCMC, NUTS
from pyro.infer.autoguide.initialization import init_to_value
from torch import Tensor

from ..messages import FactorGraph, VariationalMessagePassing

BAR = 0.03  # of the size of the means

Program = Callable[..., None]


@dataclass(frozen=True)
class Agreement:
    """How far posterior means are apart."""

    model: str
    quantity: str
    ours: list[float]
    nuts: list[float]

    @property
    def largest(self) -> float:
        """The largest difference, in parts of the mean that NUTS finds."""
        pairs = zip(self.ours, self.nuts, strict=True)
        return max(abs(a - b) / abs(b) for a, b in pairs)

    @property
    def passed(self) -> bool:
        """Whether it is below the bar."""
        return self.largest <= BAR


def mixture(x: Tensor) -> None:
    """Three groups of numbers, of unknown shares, places and noises."""
    share = pyro.sample("share", dist.Dirichlet(torch.ones(3)))
    with pyro.plate("kinds", 3):
        place = pyro.sample("place", dist.Normal(0.0, 10.0))
        noise = pyro.sample("noise", dist.Gamma(2.0, 2.0))
    with pyro.plate("rows", len(x)):
        kind = pyro.sample("kind", dist.Categorical(share))
        pyro.sample("x", dist.Normal(place[kind], noise[kind].rsqrt()), obs=x)


def summed_mixture(x: Tensor) -> None:
    """The same with the groups summed out, and in the order of their places, for NUTS."""
    share = pyro.sample("share", dist.Dirichlet(torch.ones(3)))
    with pyro.plate("kinds", 3):
        place = pyro.sample("place", dist.Normal(0.0, 10.0))
        noise = pyro.sample("noise", dist.Gamma(2.0, 2.0))
    each = dist.Normal(place, noise.rsqrt()).log_prob(x.unsqueeze(-1)) + share.log()
    pyro.factor("x", each.logsumexp(-1).sum())


def relevance(design: Tensor, y: Tensor) -> None:
    """Regression with a precision for each weight."""
    with pyro.plate("columns", design.shape[-1]):
        scale = pyro.sample("scale", dist.Gamma(2.0, 1.0))
        weights = pyro.sample("weights", dist.Normal(0.0, scale.rsqrt()))
    noise = pyro.sample("noise", dist.Gamma(2.0, 1.0))
    with pyro.plate("rows", len(y)):
        pyro.sample("y", dist.Normal(design @ weights, noise.rsqrt()), obs=y)


def components(x: Tensor) -> None:
    """Probabilistic principal components, one of them."""
    noise = pyro.sample("noise", dist.Gamma(2.0, 1.0))
    columns = pyro.plate("columns", x.shape[1], dim=-1)
    rows = pyro.plate("rows", x.shape[0], dim=-2)
    with columns:
        load = pyro.sample("load", dist.Normal(0.0, 3.0))
    with rows:
        score = pyro.sample("score", dist.Normal(0.0, 1.0))
    with rows, columns:
        pyro.sample("x", dist.Normal(load * score, noise.rsqrt()), obs=x)


def summed_components(x: Tensor) -> None:
    """The same with the scores integrated out, for NUTS."""
    noise = pyro.sample("noise", dist.Gamma(2.0, 1.0))
    with pyro.plate("columns", x.shape[1]):
        load = pyro.sample("load", dist.Normal(0.0, 3.0))
    seen = dist.LowRankMultivariateNormal(
        torch.zeros(x.shape[1]), load.unsqueeze(-1), noise.reciprocal().expand(x.shape[1])
    )
    pyro.factor("x", seen.log_prob(x).sum())


def sampled(
    model: Program, args: tuple[Tensor, ...], samples: int, start: Any
) -> dict[str, Tensor]:
    """Draws of NUTS, from a start near the posterior."""
    kernel = NUTS(model, init_strategy=init_to_value(values=start))
    chain = MCMC(kernel, num_samples=samples, warmup_steps=samples // 2, disable_progbar=True)
    chain.run(*args)
    return dict(chain.get_samples())


def passed_on(model: Program, *args: Tensor) -> dict[str, Any]:
    """Beliefs of message passing: the best of a few random starts."""
    graph = FactorGraph.from_program(model, *args)
    runs = []
    for _ in range(3):
        passing = VariationalMessagePassing(graph, max_iter=500, tolerance=1e-10)
        passing.update_beliefs()
        runs.append(passing)
    return dict(min(runs, key=lambda run: run.free_energy[-1].item()).marginals)


def agreements(samples: int = 1000) -> list[Agreement]:
    """All models, on data that are the same each time."""
    return [*_mixture(samples), *_relevance(samples), *_components(samples)]


def _mixture(samples: int) -> list[Agreement]:
    pyro.set_rng_seed(1)
    kind = torch.arange(300) % 3
    place, scale = torch.tensor([-5.0, 1.0, 6.0])[kind], torch.tensor([1.0, 0.6, 1.2])[kind]
    x = place + scale * torch.randn(300)
    ours = passed_on(mixture, x)
    order = ours["place"].mean.argsort()
    start = {"place": torch.tensor([-5.0, 1.0, 6.0]), "noise": torch.ones(3)}
    start["share"] = torch.ones(3) / 3
    drawn = sampled(summed_mixture, (x,), samples, start)
    return [
        Agreement("mixture", name, _list(ours[name].mean[order]), _list(drawn[name].mean(0)))
        for name in ("share", "place", "noise")
    ]


def _relevance(samples: int) -> list[Agreement]:
    pyro.set_rng_seed(2)
    design = torch.randn(200, 3)
    y = design @ torch.tensor([2.0, -1.0, 0.5]) + 0.5 * torch.randn(200)
    ours = passed_on(relevance, design, y)
    start = {"weights": ours["weights"].mean, "noise": ours["noise"].mean}
    start["scale"] = ours["scale"].mean
    drawn = sampled(relevance, (design, y), samples, start)
    # its mean given the weights, which has less noise than draws: Gamma(2 + 1/2, 1 + w^2 / 2)
    drawn["scale"] = 2.5 / (1 + drawn["weights"].square() / 2)
    return [
        Agreement("regression", name, _list(ours[name].mean), _list(drawn[name].mean(0)))
        for name in ("weights", "scale", "noise")
    ]


def _components(samples: int) -> list[Agreement]:
    pyro.set_rng_seed(3)
    load = torch.tensor([2.0, -1.0, 1.5, 0.8])
    x = torch.randn(300, 1) * load + 0.7 * torch.randn(300, 4)
    ours = passed_on(components, x)
    start = {"load": ours["load"].mean, "noise": ours["noise"].mean}
    drawn = sampled(summed_components, (x,), samples, start)
    return [
        Agreement("components", name, _list(ours[name].mean), _list(drawn[name].mean(0)))
        for name in ("load", "noise")
    ]


def _list(values: Tensor) -> list[float]:
    return [float(value) for value in values.flatten()]
