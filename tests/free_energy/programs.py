"""Models and guides of every kind that an ELBO has to take, and forms of ELBO that take them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import (
    ELBO,
    RenyiELBO,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
    config_enumerate,
)
from torch import Tensor
from torch.distributions import constraints

Program = Callable[..., Any]
DATA = torch.tensor([0.3, -1.2, 2.0, 0.7, 1.1], dtype=torch.float64)


@dataclass(frozen=True)
class Pair:
    model: Program
    guide: Program


def _points(size: int, subsample: int | None) -> Any:
    return pyro.plate("points", size, subsample_size=subsample)


def gaussian(subsample: int | None = None) -> Pair:
    """A mean, and a latent for each point of a plate, which may be subsampled."""

    def model() -> None:
        scale = pyro.param("scale", torch.tensor(0.8), constraint=constraints.positive)
        mean = pyro.sample("mean", dist.Normal(0.0, 2.0))
        with _points(len(DATA), subsample) as index:
            z = pyro.sample("z", dist.Normal(mean, 1.0))
            pyro.sample("x", dist.Normal(z, scale), obs=DATA[index])

    def guide() -> None:
        where = pyro.param("where", torch.tensor(0.4))
        width = pyro.param("width", torch.tensor(0.3), constraint=constraints.positive)
        each = pyro.param("each", torch.linspace(-1, 1, len(DATA)))
        pyro.sample("mean", dist.Normal(where, width))
        with _points(len(DATA), subsample) as index:
            pyro.sample("z", dist.Normal(each[index], width))

    return Pair(model, guide)


def mixture(enumerated: bool = False) -> Pair:
    """A discrete site over a continuous one; plain or to be summed over in the guide."""

    def model() -> None:
        kind = pyro.sample("kind", dist.Categorical(torch.tensor([0.2, 0.5, 0.3])))
        with _points(len(DATA), None):
            side = pyro.sample("side", dist.Bernoulli(0.3))
            pyro.sample("x", dist.Normal(kind - side, 1.0), obs=DATA)

    def guide() -> None:
        probs = pyro.param("kinds", torch.tensor([0.1, 0.3, 0.6]), constraint=constraints.simplex)
        sides = pyro.param("sides", torch.full((len(DATA),), 0.4), constraints.unit_interval)
        pyro.sample("kind", dist.Categorical(probs))
        with _points(len(DATA), None):
            pyro.sample("side", dist.Bernoulli(sides))

    return Pair(model, config_enumerate(guide) if enumerated else guide)


def summed_out() -> Pair:
    """A discrete site that only the model knows, and that TraceEnum sums out of it."""

    @config_enumerate
    def model() -> None:
        mean = pyro.sample("mean", dist.Normal(0.0, 2.0))
        with _points(len(DATA), None):
            kind = pyro.sample("kind", dist.Bernoulli(0.3))
            pyro.sample("x", dist.Normal(mean * kind, 1.0), obs=DATA)

    def guide() -> None:
        where = pyro.param("where", torch.tensor(0.4))
        pyro.sample("mean", dist.Normal(where, 0.5))

    return Pair(model, guide)


def chain() -> Pair:
    """Two levels and two steps, with a guide of its own for each site."""

    def model() -> None:
        context = pyro.sample("level2/context_0", dist.Normal(0.0, 1.0))
        pyro.sample("level2/mood_0", dist.Normal(context, 2.0), obs=torch.tensor(0.5))
        state = context
        for t in range(2):
            state = pyro.sample(f"level1/state_{t}", dist.Normal(state, 1.0))
            pyro.sample(f"level1/view_{t}", dist.Normal(state, 0.5), obs=DATA[t])
        pyro.factor("bonus", -0.1 * state)

    def guide() -> None:
        where = pyro.param("where", torch.tensor([0.1, 0.3, -0.8]))
        pyro.sample("level2/context_0", dist.Normal(where[0], 0.7))
        for t in range(2):
            pyro.sample(f"level1/state_{t}", dist.Normal(where[t + 1], 0.4))

    return Pair(model, guide)


CASES: dict[str, tuple[Callable[[], ELBO], Callable[[], Pair]]] = {
    "trace": (Trace_ELBO, gaussian),
    "trace, subsampled": (Trace_ELBO, lambda: gaussian(2)),
    "trace, particles": (lambda: Trace_ELBO(num_particles=3), gaussian),
    "trace, vectorized": (lambda: Trace_ELBO(num_particles=3, vectorize_particles=True), gaussian),
    "trace, score function": (lambda: Trace_ELBO(num_particles=2), mixture),
    "trace, chain": (Trace_ELBO, chain),
    "mean field": (TraceMeanField_ELBO, gaussian),
    "mean field, subsampled": (TraceMeanField_ELBO, lambda: gaussian(2)),
    "mean field, vectorized": (
        lambda: TraceMeanField_ELBO(num_particles=3, vectorize_particles=True),
        gaussian,
    ),
    "mean field, chain": (TraceMeanField_ELBO, chain),
    "graph": (TraceGraph_ELBO, gaussian),
    "graph, score function": (lambda: TraceGraph_ELBO(num_particles=2), mixture),
    "enum, guide": (TraceEnum_ELBO, lambda: mixture(enumerated=True)),
    "enum, vectorized": (
        lambda: TraceEnum_ELBO(num_particles=2, vectorize_particles=True),
        lambda: mixture(enumerated=True),
    ),
    "enum, model": (lambda: TraceEnum_ELBO(max_plate_nesting=1), summed_out),
    "renyi": (lambda: RenyiELBO(alpha=0.5, num_particles=3), gaussian),
    "renyi, vectorized": (
        lambda: RenyiELBO(num_particles=3, vectorize_particles=True),
        gaussian,
    ),
    "renyi, score function": (lambda: RenyiELBO(alpha=0.5, num_particles=3), mixture),
}


def gradients() -> dict[str, Tensor | None]:
    """Gradient of each parameter in the store."""
    return {
        name: None if p.grad is None else p.grad.clone()
        for name, p in pyro.get_param_store().named_parameters()
    }


def evaluated(of: Callable[..., Any], pair: Pair, times: int = 3) -> list[Any]:
    """Values and gradients of a few evaluations from one seed and fresh parameters."""
    pyro.clear_param_store()
    pyro.set_rng_seed(7)
    found = []
    for _ in range(times):
        value = of(pair.model, pair.guide)
        if torch.is_tensor(value):
            value.backward()
            value = value.item()
        grads = {name: grad.tolist() for name, grad in gradients().items() if grad is not None}
        found.append((value, grads))
    return found
