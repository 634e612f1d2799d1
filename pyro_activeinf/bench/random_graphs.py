"""Random graphs of random factors, all conjugate."""

from typing import Any

import torch
from torch import Tensor

from ..conjugacy.counts import CountMoments
from ..messages import (
    Beta,
    Categorical,
    Dirichlet,
    DiscreteChain,
    FactorGraph,
    Gamma,
    Gaussian,
    MultivariateGaussian,
    Wishart,
    library,
)


def pick(count: int) -> int:
    """A number below another."""
    return int(torch.randint(count, ()))


def positive(*shape: int) -> Tensor:
    """Numbers from .5 to 1.5."""
    return 0.5 + torch.rand(shape)


def levels(graph: FactorGraph) -> None:
    """Gaussian numbers, each about an earlier one, under a common noise or one of their own."""
    noises = []
    for i in range(1 + pick(2)):
        noises.append(graph.variable(f"noise{i}", Gamma()))
        graph.factor(library.gamma, x=noises[-1], shape=positive(), rate=positive())
    earlier: list[Any] = [0.0]
    for i in range(1 + pick(3)):
        level = graph.variable(f"level{i}", Gaussian())
        mean = earlier[pick(len(earlier))]
        noise = positive() if mean == 0.0 and i == 0 else noises[pick(len(noises))]
        graph.factor(library.gaussian, x=level, mean=mean, precision=noise)
        earlier.append(level)
    seen = graph.observe("seen", Gaussian(), 3 * torch.randn(4))
    graph.factor(library.gaussian, x=seen, mean=earlier[-1], precision=noises[pick(len(noises))])


def groups(graph: FactorGraph) -> None:
    """A mixture, of numbers or of vectors."""
    kinds, rows, dim = 2 + pick(2), 5, 1 + pick(2)
    share = graph.variable("share", Dirichlet(kinds))
    graph.factor(library.dirichlet, x=share, concentration=positive(kinds))
    kind = graph.variable("kind", Categorical(kinds), (rows,))
    graph.factor(library.categorical, x=kind, probs=share)
    noise: Any
    inner: Any
    if dim == 1:
        place, noise = graph.variable("place", Gaussian(), (kinds,)), positive()
        graph.factor(library.gaussian, x=place, mean=0.0, precision=0.1)
        data = graph.observe("data", Gaussian(), 2 * torch.randn(rows, 1))
        inner = library.gaussian
    else:
        place = graph.variable("place", MultivariateGaussian(dim), (kinds,))
        noise = graph.variable("spread", Wishart(dim), (kinds,))
        graph.factor(library.wishart, x=noise, df=dim + 2.0, scale=torch.eye(dim))
        graph.factor(
            library.gaussian_vector, x=place, mean=torch.zeros(dim), precision=torch.eye(dim)
        )
        data = graph.observe("data", MultivariateGaussian(dim), 2 * torch.randn(rows, 1, dim))
        inner = library.gaussian_vector
    graph.factor(library.mixture(inner), choice=kind, x=data, mean=place, precision=noise)


def relevance(graph: FactorGraph) -> None:
    """Regression with a precision for each weight."""
    dim, rows = 1 + pick(3), 6
    noise, weights = graph.variable("n", Gamma()), graph.variable("w", MultivariateGaussian(dim))
    scale = graph.variable("a", Gamma(), (dim,))
    graph.factor(library.gamma, x=noise, shape=positive(), rate=positive())
    graph.factor(library.gamma, x=scale, shape=positive(), rate=positive())
    graph.factor(library.shrinkage, weights=weights, precision=scale)
    y = graph.observe("y", Gaussian(), torch.randn(rows))
    design = torch.randn(rows, dim)
    graph.factor(library.regression, y=y, design=design, weights=weights, precision=noise)


def components(graph: FactorGraph) -> None:
    """Products of unknown vectors: principal components."""
    dim, rows, columns = 1 + pick(2), 5, 3
    scores = graph.variable("scores", MultivariateGaussian(dim), (rows, 1))
    loads = graph.variable("loads", MultivariateGaussian(dim), (columns,))
    noise = graph.variable("residual", Gamma())
    graph.factor(library.gamma, x=noise, shape=positive(), rate=positive())
    for each in (scores, loads):
        graph.factor(
            library.gaussian_vector, x=each, mean=torch.zeros(dim), precision=torch.eye(dim)
        )
    table = graph.observe("table", Gaussian(), torch.randn(rows, columns))
    graph.factor(library.dot, y=table, x=scores, weights=loads, precision=noise)


def steps(graph: FactorGraph) -> None:
    """A chain of choices with an unknown table, and coins of unknown chances."""
    count, length = 2 + pick(2), 6
    table, first = (
        graph.variable("moves", Dirichlet(count), (count,)),
        graph.variable("first", Dirichlet(count)),
    )
    for each in (table, first):
        graph.factor(library.dirichlet, x=each, concentration=positive(count))
    chain = graph.variable("chain", DiscreteChain(length, count))
    graph.factor(library.transition, x=chain, initial=first, table=table)
    chance = graph.variable("chance", Beta(), (count,))
    graph.factor(library.beta, x=chance, a=positive(), b=positive())
    coins = torch.randint(2, (length, 1)).to(torch.get_default_dtype())
    seen = CountMoments.at(coins)
    emitted = library.mixture(library.bernoulli)
    graph.factor(emitted, choice=chain, x=seen, chance=chance)


PARTS = [levels, groups, relevance, components, steps]


def random_graph(seed: int) -> FactorGraph:
    """One or two parts."""
    torch.manual_seed(seed)
    graph = FactorGraph()
    first = pick(len(PARTS))
    for part in {first, pick(len(PARTS))}:
        PARTS[part](graph)
    return graph
