"""Expected log-densities under a Gaussian, by the rule of Gauss and Hermite."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributions

from .._checks import complain

Line = NDArray[np.float64]
NODES = 32  # along each coordinate
CLOSE_NODES = {1: 513, 2: 65, 3: 33}  # likewise of mixtures, which bend sharply between their parts
REACH = 8.5  # standard deviations that evenly spaced nodes span to either side
MOST_NODES = 2**15
LEAST_NODES = 5


def expected_log_prob(name: str, fn: Any, mean: Tensor, cov: Tensor, event: torch.Size) -> Tensor:
    """E[log fn(x)] for x ~ N(mean, cov), ``(*batch)``.

    One coordinate at a time where the density is a product over them, else on a grid: that of
    Gauss and Hermite, or of a mixture over up to three coordinates a close and even one.

    Args:
        name: of the site, for errors.
        fn: a distribution over ``event``.
        mean, cov: ``(*batch, size)`` and ``(*batch, size, size)``, of the flattened event.

    Raises:
        ValueError: for a density that is not positive everywhere, or not a product and of too
            many coordinates.
    """
    base = fn
    while isinstance(base, distributions.Independent):
        base = base.base_dist
    mixed = isinstance(base, distributions.MixtureSameFamily)
    if base.event_shape:
        size = mean.shape[-1]
        if mixed and size in CLOSE_NODES:
            nodes, weights = even_rule(size, mean)
        else:
            nodes, weights = rule(size, _count(name, fn, size), mean)
        away = torch.einsum("...ij,kj->k...i", torch.linalg.cholesky(cov), nodes)
    else:
        nodes, weights = even_rule(1, mean) if mixed else rule(1, NODES, mean)
        width = cov.diagonal(dim1=-2, dim2=-1).sqrt()
        away = nodes.reshape(-1, *[1] * width.dim()) * width
    values = mean + away
    values = values.reshape(*values.shape[:-1], *event)
    _require_real(name, fn, values)
    found = torch.tensordot(weights, base.log_prob(values), 1)
    batch = mean.dim() - 1
    return found.flatten(batch).sum(-1) if found.dim() > batch else found


def rule(size: int, count: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes ``(nodes, size)`` and weights ``(nodes)`` of a standard normal."""
    return _grid(size, *np.polynomial.hermite_e.hermegauss(count), like)


def even_rule(size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """The same, evenly spaced: as right for what is smooth, and better at bends."""
    x = np.linspace(-REACH, REACH, CLOSE_NODES[size])
    return _grid(size, x, np.exp(-0.5 * x**2), like)


def _grid(size: int, x: Line, w: Line, like: Tensor) -> tuple[Tensor, Tensor]:
    each = torch.from_numpy(x), torch.from_numpy(w / w.sum())
    nodes, weights = (torch.cartesian_prod(*[part] * size).reshape(-1, size) for part in each)
    return nodes.to(like), weights.prod(-1).to(like)


def _count(name: str, fn: Any, size: int) -> int:
    count = min(NODES, int(MOST_NODES ** (1 / size)))
    if count < LEAST_NODES:
        raise ValueError(
            complain(
                f"site '{name}' of prefer",
                "a Gaussian, independent coordinates, or few of them",
                f"a {type(fn).__name__} over {size}",
                "Take filters.ParticleFilter for it.",
            )
        )
    return count


def _require_real(name: str, fn: Any, values: Tensor) -> None:
    if not bool(fn.support.check(values).all()):
        raise ValueError(
            complain(
                f"site '{name}' of prefer",
                "a preference over all real numbers, since a Gaussian belief expects any",
                f"a {type(fn).__name__} with support {fn.support}",
                "The expected log-preference is -inf: give it wider tails, or take "
                "filters.ParticleFilter.",
            )
        )
