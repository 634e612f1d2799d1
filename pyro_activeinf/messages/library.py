r"""Expected log densities of common factors, each a function of moments.

All are linear in the moments of each argument, so that their messages are exact. A factor of
one's own is another such function:

.. code-block:: python

    def exponential(x: GammaMoments, rate: GammaMoments) -> Tensor:
        return rate.log - rate.mean * x.mean + x.log    # relative to the base measure 1/x of x

Densities are relative to the base measures of the families, h(x) in
:class:`~pyro_activeinf.conjugacy.Family`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..conjugacy.counts import (
    BetaMoments,
    CategoricalMoments,
    CountMoments,
    DirichletMoments,
)
from ..conjugacy.discrete_chain import DiscreteChainMoments
from ..conjugacy.gaussian import LOG_2PI, GaussianMoments, VectorMoments
from ..conjugacy.gaussian_chain import GaussianChainMoments
from ..conjugacy.precision import GammaMoments, WishartMoments


def gaussian(x: GaussianMoments, mean: GaussianMoments, precision: GammaMoments) -> Tensor:
    """x ~ N(mean, 1 / precision)."""
    square = x.square - 2 * x.mean * mean.mean + mean.square
    return (precision.log - LOG_2PI - precision.mean * square) / 2


def gaussian_vector(x: VectorMoments, mean: VectorMoments, precision: WishartMoments) -> Tensor:
    """x ~ N(mean, precision^-1), of vectors."""
    cross = x.mean.unsqueeze(-1) * mean.mean.unsqueeze(-2)
    square = x.outer - cross - cross.mT + mean.outer
    size = x.mean.shape[-1] * LOG_2PI
    return (precision.log_det - size - (precision.mean * square).sum((-2, -1))) / 2


def gamma(x: GammaMoments, shape: Tensor | float, rate: GammaMoments) -> Tensor:
    """x ~ Gamma(shape, rate), of a known shape."""
    known = torch.as_tensor(shape, dtype=x.mean.dtype)
    return known * (x.log + rate.log) - rate.mean * x.mean - known.lgamma()


def wishart(x: WishartMoments, df: Tensor | float, scale: Tensor) -> Tensor:
    """x ~ Wishart(df, scale^-1): its mean is df scale^-1."""
    dim = x.mean.shape[-1]
    half = torch.as_tensor(df, dtype=x.mean.dtype) / 2
    trace = (x.mean * scale).sum((-2, -1)) / 2
    return half * (x.log_det + torch.logdet(scale / 2)) - trace - torch.mvlgamma(half, dim)


def dirichlet(x: DirichletMoments, concentration: Tensor) -> Tensor:
    """x ~ Dirichlet(concentration)."""
    constant = concentration.lgamma().sum(-1) - concentration.sum(-1).lgamma()
    return (concentration * x.log).sum(-1) - constant


def beta(x: BetaMoments, a: Tensor | float, b: Tensor | float) -> Tensor:
    """x ~ Beta(a, b)."""
    one, two = (torch.as_tensor(c, dtype=x.log.dtype) for c in (a, b))
    return one * x.log + two * x.log_rest - one.lgamma() - two.lgamma() + (one + two).lgamma()


def categorical(x: CategoricalMoments, probs: DirichletMoments) -> Tensor:
    """x ~ Categorical(probs)."""
    return (x.probs * probs.log).sum(-1)


def bernoulli(x: CountMoments, chance: BetaMoments) -> Tensor:
    """x ~ Bernoulli(chance)."""
    return x.mean * chance.log + (1 - x.mean) * chance.log_rest


def poisson(x: CountMoments, rate: GammaMoments) -> Tensor:
    """x ~ Poisson(rate)."""
    return x.mean * rate.log - rate.mean


def linear(y: VectorMoments, x: VectorMoments, matrix: Tensor, precision: WishartMoments) -> Tensor:
    """y ~ N(matrix x, precision^-1), of a known matrix."""
    there = VectorMoments((matrix @ x.mean.unsqueeze(-1)).squeeze(-1), matrix @ x.outer @ matrix.mT)
    return gaussian_vector(y, there, precision)


def dot(
    y: GaussianMoments, x: VectorMoments, weights: VectorMoments, precision: GammaMoments
) -> Tensor:
    """y ~ N(weights . x, 1 / precision); weights, x or both may be unknown."""
    there = GaussianMoments(
        (x.mean * weights.mean).sum(-1), (x.outer * weights.outer).sum((-2, -1))
    )
    return gaussian(y, there, precision)


def regression(
    y: GaussianMoments, design: Tensor, weights: VectorMoments, precision: GammaMoments
) -> Tensor:
    """y ~ N(design weights, 1 / precision): all rows ``(n, d)`` of a design at once."""
    with torch.no_grad():
        gram = design.mT @ design
    fit = (y.mean @ design) @ weights.mean
    square = y.square.sum() - 2 * fit + (gram * weights.outer).sum()
    return (len(design) * (precision.log - LOG_2PI) - precision.mean * square) / 2


def shrinkage(weights: VectorMoments, precision: GammaMoments) -> Tensor:
    """weights_i ~ N(0, 1 / precision_i): automatic relevance determination."""
    square = weights.outer.diagonal(dim1=-2, dim2=-1)
    return (precision.log - LOG_2PI - precision.mean * square).sum(-1) / 2


def mixture(kind: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Of a kind of factor one that holds for the component that ``choice`` is.

    Components are the last batch dim of every other argument; an argument without components
    has 1 there. Example: ``graph.factor(mixture(gaussian), choice=z, x=seen, mean=means,
    precision=noises)`` with ``seen`` of batch shape (n, 1), means and noises (k), z (n).
    """

    def chosen(choice: CategoricalMoments, **arguments: Any) -> Tensor:
        return (choice.probs * kind(**arguments)).sum(-1)

    chosen.__name__ = f"mixture_of_{kind.__name__}"
    chosen.__annotations__ = {**kind.__annotations__, "choice": CategoricalMoments}
    return chosen


def transition(
    x: DiscreteChainMoments, initial: DirichletMoments, table: DirichletMoments
) -> Tensor:
    """A chain of choices: x_0 ~ initial, x_{t+1} ~ table[x_t]."""
    start = (x.probs[..., 0, :] * initial.log).sum(-1)
    return start + (x.pairs * table.log.unsqueeze(-3)).sum((-3, -2, -1))


def emission(x: DiscreteChainMoments, log_likelihood: Tensor) -> Tensor:
    """What each value of a choice makes of the observations: ``(*batch, k)``, known."""
    floor = torch.finfo(log_likelihood.dtype).min * 2.0**-20
    return (x.probs * log_likelihood.clamp_min(floor)).sum(-1)


def table(x: CategoricalMoments, given: CategoricalMoments, probs: DirichletMoments) -> Tensor:
    """x ~ Categorical(probs[given])."""
    return (given.probs.unsqueeze(-1) * x.probs.unsqueeze(-2) * probs.log).sum((-2, -1))


def linear_chain(
    x: GaussianChainMoments,
    matrix: Tensor,
    precision: WishartMoments,
    initial_mean: VectorMoments,
    initial_precision: WishartMoments,
) -> Tensor:
    """A chain of vectors: x_{t+1} ~ N(matrix x_t, precision^-1)."""
    first = VectorMoments(x.mean[..., 0, :], x.outer[..., 0, :, :])
    start = gaussian_vector(first, initial_mean, initial_precision)
    cross = matrix @ x.cross
    moved = matrix @ x.outer[..., :-1, :, :] @ matrix.mT
    square = (x.outer[..., 1:, :, :] - cross - cross.mT + moved).sum(-3)
    steps, size = x.cross.shape[-3], x.mean.shape[-1]
    motion = steps * (precision.log_det - size * LOG_2PI) - (precision.mean * square).sum((-2, -1))
    return start + motion / 2


def linear_emission(
    y: VectorMoments, x: GaussianChainMoments, matrix: Tensor, precision: WishartMoments
) -> Tensor:
    """y_t ~ N(matrix x_t, precision^-1)."""
    return linear(y, VectorMoments(x.mean, x.outer), matrix, precision)
